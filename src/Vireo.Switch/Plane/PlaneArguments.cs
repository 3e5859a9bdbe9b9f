using System.Globalization;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Plane;

/// <summary>What the switch plane is started with.</summary>
internal static class PlaneArguments
{
    /// <summary>Where nothing is said on the command line, this variable of the environment says how many packet threads there are.</summary>
    public const string PacketThreadsVariable = "VIREO_PACKET_THREADS";

    /// <summary>How it is called.</summary>
    public static string Usage { get; } =
        $"usage: vireo-switch [--root FOLDER] [--packet-threads 1..{PacketThreads.CountMax}] | lab --help; {PacketThreadsVariable} in the environment is the same as --packet-threads";

    /// <summary>Reads the command line.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="variable">Value of <see cref="PacketThreadsVariable"/>.</param>
    /// <param name="root">Folder of the host, or null.</param>
    /// <param name="packetThreads">How many packet threads, or null.</param>
    /// <returns>False when it cannot be understood.</returns>
    public static bool TryParse(IReadOnlyList<string> arguments, string? variable, out string? root, out int? packetThreads)
    {
        root = null;
        packetThreads = null;
        if (!string.IsNullOrEmpty(variable) && !TryCount(variable, out packetThreads))
        {
            return false;
        }

        for (var i = 0; i < arguments.Count; i += 2)
        {
            if (i + 1 == arguments.Count)
            {
                return false;
            }

            switch (arguments[i])
            {
                case "--root":
                    root = arguments[i + 1];
                    break;
                case "--packet-threads" when TryCount(arguments[i + 1], out packetThreads):
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static bool TryCount(string text, out int? count)
    {
        count = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value is >= 1 and <= PacketThreads.CountMax ? value : null;
        return count is not null;
    }
}
