namespace Vireo.Machines.Configuration;

/// <summary>
/// The truth about a virtual machine: the content of <c>Virtual Machines/&lt;id&gt;.json</c>. Immutable; a change is a new value
/// written atomically. Sizes are in bytes.
/// </summary>
public sealed record VirtualMachineConfiguration
{
    /// <summary>Version of the file's layout that this program writes.</summary>
    public const int CurrentFormatVersion = 1;

    /// <summary>Version of the file's layout; newer ones are refused, older ones upgraded.</summary>
    public int FormatVersion { get; set; } = CurrentFormatVersion;

    /// <summary>Identity, for life.</summary>
    public required Guid Id { get; init; }

    /// <summary>Name shown to people; several machines may share one.</summary>
    public required string Name { get; init; }

    /// <summary>1 (BIOS, IDE boot) or 2 (UEFI, SCSI boot).</summary>
    public required int Generation { get; init; }

    /// <summary>When it was created.</summary>
    public required DateTimeOffset CreationTime { get; init; }

    /// <summary>Folder that holds <c>Virtual Machines</c>.</summary>
    public required string Path { get; init; }

    /// <summary>Folder of checkpoints' files.</summary>
    public required string SnapshotFileLocation { get; init; }

    /// <summary>Folder of the smart paging file.</summary>
    public required string SmartPagingFilePath { get; init; }

    /// <summary>Free text.</summary>
    public string Notes { get; set; } = "";

    /// <summary>Devices for SCSI disks and network adapters; <see cref="DeviceModel.Emulated"/> until the guest has drivers for the others.</summary>
    public DeviceModel DeviceModel { get; set; }

    /// <summary>Kind of operating system.</summary>
    public GuestFamily GuestFamily { get; set; }

    /// <summary>Memory.</summary>
    public MemoryConfiguration Memory { get; set; } = new();

    /// <summary>Virtual processors.</summary>
    public ProcessorConfiguration Processor { get; set; } = new();

    /// <summary>Hard disk and DVD drives.</summary>
    public IReadOnlyList<DriveConfiguration> Drives { get; set; } = [];

    /// <summary>Number of virtual SCSI controllers.</summary>
    public int ScsiControllers { get; set; } = 1;

    /// <summary>Network adapters.</summary>
    public IReadOnlyList<NetworkAdapterConfiguration> NetworkAdapters { get; set; } = [];

    /// <summary>Named pipe path of COM 1 and COM 2; null means no socket of the user's own.</summary>
    public IReadOnlyList<string?> ComPorts { get; set; } = [null, null];

    /// <summary>Generation 2: devices in the order the firmware tries them (drive or adapter ids). Generation 1: see <see cref="BiosStartupOrder"/>.</summary>
    public IReadOnlyList<Guid> FirmwareBootOrder { get; set; } = [];

    /// <summary>Generation 1: kinds of device in the order the BIOS tries them (<c>CD</c>, <c>IDE</c>, <c>LegacyNetworkAdapter</c>, <c>Floppy</c>).</summary>
    public IReadOnlyList<string> BiosStartupOrder { get; set; } = ["CD", "IDE", "LegacyNetworkAdapter", "Floppy"];

    /// <summary>Generation 1: number lock is on when the guest starts.</summary>
    public bool NumLockEnabled { get; set; }

    /// <summary>Generation 2: verify boot loaders' signatures.</summary>
    public bool SecureBootEnabled { get; set; }

    /// <summary>Generation 2: whose signatures count; a name of <see cref="Devices.SecureBootTemplates"/>.</summary>
    public string SecureBootTemplate { get; set; } = Devices.SecureBootTemplates.Default;

    /// <summary>Generation 2: a trusted platform module; what it keeps lies beside the configuration.</summary>
    public bool TpmEnabled { get; set; }

    /// <summary>
    /// Generation 2: the key that the trusted platform module encrypts with, itself encrypted with the host's guardian key, in base 64; null is a module that
    /// does not encrypt. One for all that the module ever kept, in checkpoints too.
    /// </summary>
    public string? KeyProtector { get; set; }

    /// <summary>Generation 1: image of the disk in the floppy drive; null is an empty drive.</summary>
    public string? FloppyPath { get; set; }

    /// <summary>Screen.</summary>
    public VideoConfiguration Video { get; set; } = new();

    /// <summary>Generation 2: where the firmware's console goes: <c>Default</c>, <c>COM1</c>, <c>COM2</c>, <c>None</c>.</summary>
    public string ConsoleMode { get; set; } = "Default";

    /// <summary>Generation 2: <c>IPv4</c> or <c>IPv6</c>.</summary>
    public string PreferredNetworkBootProtocol { get; set; } = "IPv4";

    /// <summary>Generation 2: wait for a key when nothing boots.</summary>
    public bool PauseAfterBootFailure { get; set; }

    /// <summary>Integration services that are switched off, by their English names.</summary>
    public IReadOnlyList<string> DisabledIntegrationServices { get; set; } = ["Guest Service Interface"];

    /// <summary>What happens when the host starts: <c>Nothing</c>, <c>StartIfRunning</c>, <c>Start</c>.</summary>
    public string AutomaticStartAction { get; set; } = "StartIfRunning";

    /// <summary>Longest delay of an automatic start, in seconds: 24 days, what a timer can wait in milliseconds.</summary>
    public const int MaximumStartDelaySeconds = 2_147_483;

    /// <summary>Seconds to wait before an automatic start.</summary>
    public int AutomaticStartDelaySeconds { get; set; }

    /// <summary>What happens when the host stops: <c>TurnOff</c>, <c>Save</c>, <c>ShutDown</c>.</summary>
    public string AutomaticStopAction { get; set; } = "Save";

    /// <summary><c>Disabled</c>, <c>Production</c>, <c>ProductionOnly</c>, <c>Standard</c>.</summary>
    public string CheckpointType { get; set; } = "Production";

    /// <summary>Users of the host who may connect to its consoles, besides administrators. A machine that comes from elsewhere brings none.</summary>
    public IReadOnlyList<string> ConsoleUsers { get; set; } = [];

    /// <summary>What the machine uses is metered.</summary>
    public bool ResourceMeteringEnabled { get; set; }

    /// <summary>A saved memory state exists, made by saving the machine; its file lies beside the configuration.</summary>
    public bool HasSavedState { get; set; }

    /// <summary>Folder of the files that the firmware and the trusted platform module write to, while a process has them open there; null is <see cref="Path"/>.</summary>
    public string? FirmwarePath { get; set; }

    /// <summary>The last move of the machine's storage; null is none.</summary>
    public Guid? LastMove { get; set; }

    /// <summary>Checkpoints, and the disks that they made.</summary>
    public CheckpointTreeConfiguration Checkpoints { get; set; } = new();
}

/// <summary>Memory of a machine, in bytes.</summary>
public sealed record MemoryConfiguration
{
    /// <summary>Resource pool it draws on; null is the pool of everything.</summary>
    public string? ResourcePoolName { get; set; }

    /// <summary>Memory at start.</summary>
    public long StartupBytes { get; set; } = 1L << 30;

    /// <summary>Least memory (dynamic memory).</summary>
    public long MinimumBytes { get; set; } = 512L << 20;

    /// <summary>Most memory (dynamic memory).</summary>
    public long MaximumBytes { get; set; } = 1L << 40;

    /// <summary>Memory follows demand.</summary>
    public bool DynamicMemoryEnabled { get; set; }

    /// <summary>Spare share of demand, percent.</summary>
    public int BufferPercent { get; set; } = 20;

    /// <summary>Weight among machines, 0 to 100.</summary>
    public int Priority { get; set; } = 50;

    /// <summary>Most memory of one of the guest's NUMA nodes; null is what a node of the host has.</summary>
    public long? MaximumPerNumaNodeBytes { get; set; }
}

/// <summary>Virtual processors of a machine.</summary>
public sealed record ProcessorConfiguration
{
    /// <summary>Resource pool it draws on; null is the pool of everything.</summary>
    public string? ResourcePoolName { get; set; }

    /// <summary>Number of virtual processors, 1 to 64.</summary>
    public int Count { get; set; } = 1;

    /// <summary>Percent of the processors' capacity kept for the machine.</summary>
    public int ReservePercent { get; set; }

    /// <summary>Percent of the processors' capacity the machine may use.</summary>
    public int LimitPercent { get; set; } = 100;

    /// <summary>Share under contention, 1 to 10000.</summary>
    public int RelativeWeight { get; set; } = 100;

    /// <summary>Offer only features every migration partner has.</summary>
    public bool CompatibilityForMigrationEnabled { get; set; }

    /// <summary>Offer virtualization extensions to the guest.</summary>
    public bool ExposeVirtualizationExtensions { get; set; }

    /// <summary>Most virtual processors of one of the guest's NUMA nodes; null is what a node of the host has.</summary>
    public int? MaximumCountPerNumaNode { get; set; }

    /// <summary>Most NUMA nodes of one of the guest's sockets; null is what a socket of the host has.</summary>
    public int? MaximumCountPerNumaSocket { get; set; }

    /// <summary>Threads of one of the guest's cores; 0 is as on the host where it divides the processors, else 1.</summary>
    public int ThreadsPerCore { get; set; } = 1;
}

/// <summary>Kind of drive.</summary>
public enum DriveKind
{
    /// <summary>Hard disk.</summary>
    HardDisk,

    /// <summary>DVD.</summary>
    Dvd,
}

/// <summary>Bus a drive hangs on.</summary>
public enum DriveBus
{
    /// <summary>Emulated IDE: two controllers with two places each.</summary>
    Ide,

    /// <summary>Synthetic SCSI: up to four controllers with 64 places each.</summary>
    Scsi,
}

/// <summary>A drive of a machine. No two share bus, controller and location.</summary>
public sealed record DriveConfiguration
{
    /// <summary>Resource pool it draws on; null is the pool of everything.</summary>
    public string? ResourcePoolName { get; set; }

    /// <summary>Identity, for life; the storage plane's key while it is open.</summary>
    public required Guid Id { get; init; }

    /// <summary>Hard disk or DVD.</summary>
    public required DriveKind Kind { get; init; }

    /// <summary>Bus.</summary>
    public required DriveBus Bus { get; init; }

    /// <summary>Controller on the bus.</summary>
    public required int ControllerNumber { get; init; }

    /// <summary>Place on the controller.</summary>
    public required int ControllerLocation { get; init; }

    /// <summary>Image file, or the device of a physical disk; null is an empty DVD drive.</summary>
    public string? Path { get; set; }

    /// <summary>A disk of the host that the guest has as it is (pass-through); null is an image.</summary>
    public PhysicalDiskConfiguration? PhysicalDisk { get; set; }
}

/// <summary>A network adapter of a machine.</summary>
public sealed record NetworkAdapterConfiguration
{
    /// <summary>Resource pool it draws on; null is the pool of everything.</summary>
    public string? ResourcePoolName { get; set; }

    /// <summary>Identity, for life; the switch plane's key of its port.</summary>
    public required Guid Id { get; init; }

    /// <summary>Name; several may share one.</summary>
    public string Name { get; set; } = "Network Adapter";

    /// <summary>Twelve hexadecimal digits; empty until the first start assigns a dynamic one.</summary>
    public string MacAddress { get; set; } = "";

    /// <summary>The address comes from the host's pool.</summary>
    public bool DynamicMacAddress { get; set; } = true;

    /// <summary>Emulated adapter for guests without drivers, and for network boot of generation 1.</summary>
    public bool IsLegacy { get; set; }

    /// <summary>Switch it is connected to; null is disconnected.</summary>
    public Guid? SwitchId { get; set; }

    /// <summary>Name of the switch on the host that the machine was exported from; null in a machine that was not.</summary>
    public string? SwitchName { get; set; }

    /// <summary>0 is untagged; otherwise the access VLAN.</summary>
    public int AccessVlanId { get; set; }

    /// <summary>What else holds at its port.</summary>
    public AdapterPolicyConfiguration Policy { get; set; } = new();
}
