namespace Microsoft.HyperV.PowerShell;

/// <summary>UEFI firmware of a generation 2 machine.</summary>
public sealed class VMFirmware : VMComponentObject
{
    /// <summary>What the firmware tries, in order.</summary>
    public VMBootSource[] BootOrder { get; set; } = [];

    /// <summary>Boot loaders' signatures are verified.</summary>
    public OnOffState SecureBoot { get; set; } = OnOffState.Off;

    /// <summary>Whose signatures count.</summary>
    public string SecureBootTemplate { get; set; } = "";

    /// <summary>Id of that template.</summary>
    public Guid SecureBootTemplateId { get; set; }

    /// <summary>Where the firmware's console goes.</summary>
    public ConsoleModeType ConsoleMode { get; set; }

    /// <summary>Protocol tried first when starting from the network.</summary>
    public IPProtocolPreference PreferredNetworkBootProtocol { get; set; }

    /// <summary>Wait for a key when nothing boots.</summary>
    public OnOffState PauseAfterBootFailure { get; set; } = OnOffState.Off;
}

/// <summary>One entry of a firmware's boot order. Its <see cref="VMComponentObject.Id"/> is that of the device.</summary>
public sealed class VMBootSource : VMComponentObject
{
    /// <summary>Kind.</summary>
    public VMBootSourceType BootType { get; set; }

    /// <summary>For people.</summary>
    public string Description { get; set; } = "";

    /// <summary>Path as the firmware knows it.</summary>
    public string FirmwarePath { get; set; } = "";

    /// <summary>The drive, when the entry is a hard disk.</summary>
    public HardDiskDrive? HardDrive { get; set; }

    /// <summary>The drive, when the entry is a DVD.</summary>
    public DvdDrive? DvdDrive { get; set; }

    /// <summary>The adapter, when the entry is one.</summary>
    public VMNetworkAdapter? NetworkAdapter { get; set; }

    /// <summary>The device itself.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public VMComponentObject? Device => (VMComponentObject?)HardDrive ?? (VMComponentObject?)DvdDrive ?? NetworkAdapter;
}

/// <summary>BIOS of a generation 1 machine.</summary>
public sealed class VMBios : VMComponentObject
{
    /// <summary>Kinds of device, in the order they are tried.</summary>
    public BootDevice[] StartupOrder { get; set; } = [];

    /// <summary>Number lock is on when the guest starts.</summary>
    public bool NumLockEnabled { get; set; }
}
