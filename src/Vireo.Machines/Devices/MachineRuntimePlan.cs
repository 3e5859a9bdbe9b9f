using System.Text.Json.Serialization;
using Vireo.Machines.Accelerators;

namespace Vireo.Machines.Devices;

/// <summary>How a machine reaches the disk behind a drive.</summary>
public enum DriveTransport
{
    /// <summary>A vhost-user-blk server: for hard disks on the SCSI bus.</summary>
    VhostUserBlock,

    /// <summary>An NBD server (default export): for IDE drives and for DVDs, and for hard disks on the SCSI bus where the processor is emulated.</summary>
    Nbd,
}

/// <summary>Where the disk of one drive is served.</summary>
/// <param name="DriveId">The drive of the configuration.</param>
/// <param name="Transport">Protocol.</param>
/// <param name="SocketPath">Unix socket of the server; it must be listening when the machine starts.</param>
/// <param name="Queues">Virtqueues (hard disks on the SCSI bus).</param>
/// <param name="ReadOnly">The guest may only read.</param>
/// <param name="PlatformAccess">The server takes addresses that the guest mapped for the device (VIRTIO_F_ACCESS_PLATFORM).</param>
/// <param name="LogicalSectorBytes">Smallest part that the disk reads and writes; a vhost-user-blk server tells it itself.</param>
/// <param name="PhysicalSectorBytes">Part that the disk likes to write whole, likewise.</param>
public sealed record DriveConnection(
    Guid DriveId, DriveTransport Transport, string SocketPath, int Queues = 1, bool ReadOnly = false, bool PlatformAccess = false,
    int LogicalSectorBytes = 512, int PhysicalSectorBytes = 512);

/// <summary>Where the port of one network adapter is served.</summary>
/// <param name="AdapterId">The adapter of the configuration.</param>
/// <param name="SocketPath">vhost-user socket of the port; it must be listening when the machine starts. Null: no cable, and none can be plugged in while it runs.</param>
/// <param name="MacAddress">Twelve hexadecimal digits.</param>
/// <param name="QueuePairs">Receive and transmit queue pairs.</param>
/// <param name="QemuSocketPath">QEMU's end: the adapter is one that QEMU emulates, and <paramref name="SocketPath"/> takes its frames as datagrams. Null: a virtio adapter.</param>
public sealed record AdapterConnection(Guid AdapterId, string? SocketPath, string MacAddress, int QueuePairs = 1, string? QemuSocketPath = null)
{
    /// <summary>Name of QEMU's end in a run folder; eight characters, because socket paths are short.</summary>
    public static string QemuSocketName(Guid adapterId) => $"n{adapterId.ToString("N")[..7]}";
}

/// <summary>UEFI firmware of a generation 2 machine.</summary>
/// <param name="CodePath">The program, shared by all machines, read-only.</param>
/// <param name="VariablesTemplatePath">Variables as a new machine has them.</param>
/// <param name="VariablesPath">Variables of this machine; made from the template when missing, kept for its life.</param>
/// <param name="IsSecure">It verifies what it starts, and only it itself (in system management mode) can write its variables; the template holds keys.</param>
public sealed record FirmwareFiles(string CodePath, string VariablesTemplatePath, string VariablesPath, bool IsSecure = false)
{
    private static readonly FirmwareFiles[] s_known =
    [
        new("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd", ""),
        new("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd", ""),
        new("/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "", IsSecure: true),
        new("/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd", "", IsSecure: true),
    ];

    /// <summary>The firmware of Debian's package <c>ovmf</c> with variables at <paramref name="variablesPath"/>; null when it is not installed.</summary>
    public static FirmwareFiles? Find(string variablesPath, bool isSecure = false) =>
        s_known.FirstOrDefault(known => known.IsSecure == isSecure && File.Exists(known.CodePath) && File.Exists(known.VariablesTemplatePath)) is { } found
            ? found with { VariablesPath = variablesPath }
            : null;
}

/// <summary>Trusted platform module of a machine.</summary>
/// <param name="StatePath">What it keeps; made when missing.</param>
/// <param name="ProgramPath">swtpm.</param>
public sealed record TpmFiles(string StatePath, string ProgramPath = "/usr/bin/swtpm")
{
    /// <summary>32 bytes that what it keeps is encrypted with (AES-256); null is not encrypted. Never written down with the plan.</summary>
    [JsonIgnore]
    public byte[]? Key { get; init; }
}

/// <summary>
/// What a machine needs to run here and now, beside its configuration: decided at each start. It refers to sockets and files only.
/// </summary>
public sealed record MachineRuntimePlan
{
    /// <summary>What executes the guest.</summary>
    public required AcceleratorKind Accelerator { get; init; }

    /// <summary>Folder of the sockets, logs and process record; short, because a Unix socket path holds 107 bytes.</summary>
    public required string RunFolder { get; init; }

    /// <summary>Where drives are served: one for each drive with an image.</summary>
    public IReadOnlyList<DriveConnection> Drives { get; set; } = [];

    /// <summary>Where adapters are served: one for each adapter.</summary>
    public IReadOnlyList<AdapterConnection> Adapters { get; set; } = [];

    /// <summary>How memory and processors are laid out.</summary>
    public MemoryLayout Memory { get; set; } = new();

    /// <summary>UEFI firmware; needed by generation 2.</summary>
    public FirmwareFiles? Firmware { get; set; }

    /// <summary>Trusted platform module; needed by a machine that has one.</summary>
    public TpmFiles? Tpm { get; set; }

    /// <summary>Unprivileged user that QEMU runs as; null stays who we are.</summary>
    public string? User { get; set; }

    /// <summary>QEMU.</summary>
    public string QemuPath { get; set; } = "/usr/bin/qemu-system-x86_64";

    /// <summary>QEMU's control socket.</summary>
    [JsonIgnore]
    public string QmpSocket => Path.Combine(RunFolder, "qmp");

    /// <summary>Host's end of the guest agent's channel.</summary>
    [JsonIgnore]
    public string AgentSocket => Path.Combine(RunFolder, "agent");

    /// <summary>Host's end of the screen (VNC).</summary>
    [JsonIgnore]
    public string ScreenSocket => Path.Combine(RunFolder, "vnc");

    /// <summary>Control socket of the trusted platform module.</summary>
    [JsonIgnore]
    public string TpmSocket => Path.Combine(RunFolder, "tpm");

    /// <summary>Output of QEMU itself; beside the run folder, where only we make names.</summary>
    [JsonIgnore]
    public string LogPath => $"{RunFolder}.log";

    /// <summary>The same with another connection, or none, for one drive.</summary>
    public MachineRuntimePlan WithDrive(Guid drive, DriveConnection? connection)
    {
        var others = Drives.Where(candidate => candidate.DriveId != drive);
        return this with { Drives = connection is null ? [.. others] : [.. others, connection] };
    }

    /// <summary>Host's end of COM 1 or COM 2.</summary>
    public string ComSocket(int number) => Path.Combine(RunFolder, $"com{number}");

    /// <summary>What the guest wrote to COM 1 or COM 2.</summary>
    public string ComLog(int number) => Path.Combine(RunFolder, $"com{number}.log");
}
