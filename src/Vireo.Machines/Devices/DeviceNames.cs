using System.Buffers.Text;

namespace Vireo.Machines.Devices;

/// <summary>Names of our devices inside QEMU.</summary>
internal static class DeviceNames
{
    public const string Memory = "memory";
    public const string Balloon = "balloon";
    public const string Growth = "growth";
    public const string GrowthMemory = "growth-memory";
    public const string Agent = "agent";
    public const string AgentPort = "agent-port";

    /// <summary>AHCI controller of a generation 1 machine whose devices are emulated.</summary>
    public const string DiskController = "ahci";

    /// <summary>Memory of a NUMA node of the guest.</summary>
    public static string NodeMemory(int node) => $"memory{node}";

    /// <summary>Device of a drive.</summary>
    public static string Drive(Guid id) => $"drive-{id:N}";

    /// <summary>
    /// Block node behind a drive. QEMU allows 31 characters, so the id is in base 64 (22 characters). A medium has another name each
    /// time, see <paramref name="generation"/>: the old node still exists when the new one is made.
    /// </summary>
    public static string Node(Guid id, int generation = 0) => $"n{generation % 10}-{Base64Url.EncodeToString(id.ToByteArray())}";

    /// <summary>Whether <paramref name="name"/> is a node of a drive, of whatever medium.</summary>
    public static bool IsNode(string name, Guid id) => name.Length > 2 && name[0] == 'n' && name.AsSpan(2).SequenceEqual(Node(id).AsSpan(2));

    /// <summary>Character device behind a drive.</summary>
    public static string DriveSocket(Guid id) => $"drive-socket-{id:N}";

    /// <summary>Device of a network adapter.</summary>
    public static string Adapter(Guid id) => $"adapter-{id:N}";

    /// <summary>Network back end of an adapter.</summary>
    public static string Net(Guid id) => $"net-{id:N}";

    /// <summary>Character device behind an adapter.</summary>
    public static string AdapterSocket(Guid id) => $"adapter-socket-{id:N}";

    /// <summary>Character device of COM 1 or COM 2.</summary>
    public static string Com(int number) => $"com{number}";
}
