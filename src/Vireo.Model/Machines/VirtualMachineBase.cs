namespace Microsoft.HyperV.PowerShell;

/// <summary>
/// What a virtual machine and a checkpoint of one have in common. What can change is live: a script that reads it again gets what it is by
/// then.
/// </summary>
public class VirtualMachineBase : VirtualizationObject
{
    /// <summary>Identity, for life.</summary>
    public Guid Id { get; set; }

    /// <summary>Name.</summary>
    public string Name
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>1 or 2.</summary>
    public int Generation { get; set; }

    /// <summary>Devices of its SCSI disks and network adapters.</summary>
    public VMDeviceModel DeviceModel
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Kind of operating system it is for.</summary>
    public VMGuestFamily GuestFamily
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Version of the configuration.</summary>
    public string Version
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>Free text.</summary>
    public string Notes
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>Folder of the machine's files.</summary>
    public string Path
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>Folder of checkpoints' files.</summary>
    public string SnapshotFileLocation
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>The same as <see cref="SnapshotFileLocation"/>.</summary>
    public string CheckpointFileLocation
    {
        get => SnapshotFileLocation;
        set => SnapshotFileLocation = value;
    }

    /// <summary>When it was created.</summary>
    public DateTime CreationTime { get; set; }

    /// <summary>Number of virtual processors.</summary>
    public int ProcessorCount
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Memory follows demand.</summary>
    public bool DynamicMemoryEnabled
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Memory at start, bytes.</summary>
    public long MemoryStartup
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Least memory, bytes.</summary>
    public long MemoryMinimum
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Most memory, bytes.</summary>
    public long MemoryMaximum
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>What happens when the host starts.</summary>
    public StartAction AutomaticStartAction
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Seconds to wait before an automatic start.</summary>
    public int AutomaticStartDelay
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>What happens when the host stops.</summary>
    public StopAction AutomaticStopAction
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Kind of checkpoint.</summary>
    public CheckpointType CheckpointType
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>What it uses is metered.</summary>
    public bool ResourceMeteringEnabled
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Checkpoint that it stands on; null is none.</summary>
    public Guid? ParentSnapshotId
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Name of that checkpoint.</summary>
    public string? ParentSnapshotName
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>The same as <see cref="ParentSnapshotId"/>.</summary>
    public Guid? ParentCheckpointId
    {
        get => ParentSnapshotId;
        set => ParentSnapshotId = value;
    }

    /// <summary>The same as <see cref="ParentSnapshotName"/>.</summary>
    public string? ParentCheckpointName
    {
        get => ParentSnapshotName;
        set => ParentSnapshotName = value;
    }

    /// <summary>The value of a live property, after the object was read again where that is due.</summary>
    private protected T Fresh<T>(ref T value)
    {
        LiveSource?.Refresh(this);
        return value;
    }
}
