namespace Microsoft.HyperV.PowerShell;

/// <summary>How the state of a running machine goes into an export.</summary>
public enum CaptureLiveState
{
    /// <summary>Disks at one moment, as after a power cut.</summary>
    CaptureCrashConsistentState = 0,

    /// <summary>Disks and memory at one moment.</summary>
    CaptureSavedState = 1,

    /// <summary>Disks at one moment at which the guest's file systems were frozen.</summary>
    CaptureDataConsistentState = 2,
}

/// <summary>What a report was made for.</summary>
public enum VMCompatibilityOperationType
{
    /// <summary>An import.</summary>
    ImportVirtualMachine = 0,

    /// <summary>A move to another host, of a machine whose files stay.</summary>
    MoveVirtualMachine = 1,

    /// <summary>A move to another host with all files.</summary>
    MoveVirtualMachineAndStorage = 2,
}

/// <summary>How much an incompatibility hinders.</summary>
public enum VMCompatibilitySeverity
{
    /// <summary>Nothing has to be done.</summary>
    Information = 0,

    /// <summary>The import works, and something of the machine is lost or will not work.</summary>
    Warning = 1,

    /// <summary>The machine is not imported before it is resolved.</summary>
    Error = 2,
}

/// <summary>
/// What hinders a virtual machine from being imported. <see cref="VM"/> is a plan: the commands that change virtual machines change it, and
/// <c>Import-VM -CompatibilityReport</c> makes it a machine of the host.
/// </summary>
public sealed class VMCompatibilityReport : VirtualizationObject
{
    /// <summary>The planned machine; null when its configuration cannot be read.</summary>
    public VirtualMachine? VM { get; set; }

    /// <summary>What the report was made for.</summary>
    public VMCompatibilityOperationType OperationType { get; set; }

    /// <summary>Host that the machine is for.</summary>
    public string Destination { get; set; } = "";

    /// <summary>The configuration file.</summary>
    public string Path { get; set; } = "";

    /// <summary>Folder of checkpoints' files.</summary>
    public string SnapshotPath { get; set; } = "";

    /// <summary>Folder into which disks are copied; empty when they stay where they are.</summary>
    public string VhdDestinationPath { get; set; } = "";

    /// <summary>Folder in which disks are looked for first; empty is none.</summary>
    public string VhdSourcePath { get; set; } = "";

    /// <summary>What hinders.</summary>
    public VMCompatibilityReportIncompatibility[] Incompatibilities { get; set; } = [];
}

/// <summary>One thing that hinders a virtual machine from being imported.</summary>
public sealed class VMCompatibilityReportIncompatibility
{
    /// <summary>A sentence.</summary>
    public string Message { get; set; } = "";

    /// <summary>Which kind of incompatibility it is.</summary>
    public int MessageId { get; set; }

    /// <summary>The object that is not compatible; null when it is none of the machine's.</summary>
    public VirtualizationObject? Source { get; set; }

    /// <summary>Name of the kind, for example <c>SwitchNotFound</c>.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it is about: <c>network</c>, <c>storage</c>, <c>memory</c>, ...</summary>
    public string Category { get; set; } = "";

    /// <summary>How much it hinders.</summary>
    public VMCompatibilitySeverity Severity { get; set; }

    /// <summary>The command that resolves it; empty when none does.</summary>
    public string Resolution { get; set; } = "";

    /// <summary>The message.</summary>
    public override string ToString() => Message;
}
