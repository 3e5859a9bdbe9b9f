namespace Microsoft.HyperV.PowerShell;

/// <summary>Kind of a checkpoint. Numbers are the original's.</summary>
public enum SnapshotType
{
    /// <summary>Taken by somebody.</summary>
    Standard = 0,

    /// <summary>Taken by a backup, and merged when it ends.</summary>
    Recovery = 1,

    /// <summary>Taken before a planned failover.</summary>
    Planned = 2,

    /// <summary>Known by name only; its files are missing.</summary>
    Missing = 3,

    /// <summary>A recovery point of a replica.</summary>
    Replica = 4,

    /// <summary>An application-consistent recovery point of a replica.</summary>
    AppConsistentReplica = 5,

    /// <summary>A recovery point of a replica that is in step.</summary>
    SyncedReplica = 6,
}

/// <summary>A checkpoint: a virtual machine as it was at one moment.</summary>
public sealed class VMSnapshot : VirtualMachineBase
{
    /// <summary>The machine.</summary>
    public Guid VMId { get; set; }

    /// <summary>Name of the machine.</summary>
    public string VMName { get; set; } = "";

    /// <summary>Kind.</summary>
    public SnapshotType SnapshotType { get; set; }

    /// <summary><c>Saved</c> when memory was kept, else <c>Off</c>: what the machine is after the checkpoint was applied.</summary>
    public VMState State { get; set; }

    /// <summary>Whether the guest's file systems were frozen at the moment.</summary>
    public bool IsApplicationConsistent { get; set; }

    /// <summary>It was taken at the machine's start. Vireo takes none by itself.</summary>
    public bool IsAutomaticCheckpoint { get; set; }

    /// <summary>Network adapters then.</summary>
    public VMNetworkAdapter[] NetworkAdapters { get; set; } = [];

    /// <summary>Hard disk drives then.</summary>
    public HardDiskDrive[] HardDrives { get; set; } = [];

    /// <summary>DVD drives then.</summary>
    public DvdDrive[] DVDDrives { get; set; } = [];

    /// <summary>The name.</summary>
    public override string ToString() => $"VMSnapshot (Name = '{Name}') [Id = '{Id}', VMId = '{VMId}']";
}
