using Vireo.Model;

namespace Microsoft.HyperV.PowerShell;

/// <summary>
/// A virtual machine. <see cref="VirtualMachineBase.Id"/> is its identity; several machines may share a name. What can change is live: a script
/// that polls it sees it change.
/// </summary>
public sealed class VirtualMachine : VirtualMachineBase
{
    /// <summary>The same as <see cref="VirtualMachineBase.Id"/>.</summary>
    public Guid VMId
    {
        get => Id;
        set => Id = value;
    }

    /// <summary>The same as <see cref="VirtualMachineBase.Name"/>.</summary>
    public string VMName
    {
        get => Name;
        set => Name = value;
    }

    /// <summary>Floppy disk drive; null for generation 2.</summary>
    public VMFloppyDiskDrive? FloppyDrive
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>State.</summary>
    public VMState State
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Share of the host's processors in use, percent.</summary>
    public int CPUUsage
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Memory the machine has now, bytes; 0 when it is off.</summary>
    public long MemoryAssigned
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Memory the guest wants, bytes; 0 when it is off.</summary>
    public long MemoryDemand
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary><c>OK</c>, <c>Low</c>, <c>Warning</c>; empty when it is off.</summary>
    public string MemoryStatus
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>Time since the start.</summary>
    public TimeSpan Uptime
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>One sentence on how it is.</summary>
    public string Status
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>Operational status.</summary>
    public VMOperationalStatus[] OperationalStatus
    {
        get => Fresh(ref field);
        set;
    } = [];

    /// <summary>Heartbeat of the guest; null when the machine is off.</summary>
    public VMHeartbeatStatus? Heartbeat
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Network adapters.</summary>
    public VMNetworkAdapter[] NetworkAdapters
    {
        get => Fresh(ref field);
        set;
    } = [];

    /// <summary>Hard disk drives.</summary>
    public HardDiskDrive[] HardDrives
    {
        get => Fresh(ref field);
        set;
    } = [];

    /// <summary>DVD drives.</summary>
    public DvdDrive[] DVDDrives
    {
        get => Fresh(ref field);
        set;
    } = [];

    /// <summary>Serial port 1.</summary>
    public VMComPort? ComPort1
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Serial port 2.</summary>
    public VMComPort? ComPort2
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Generation as a type.</summary>
    public VirtualMachineSubType VirtualMachineSubType => (VirtualMachineSubType)Generation;

    /// <summary>Folder of the configuration.</summary>
    public string ConfigurationLocation
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>Folder of the smart paging file.</summary>
    public string SmartPagingFilePath
    {
        get => Fresh(ref field);
        set;
    } = "";

    /// <summary>A smart paging file is in use.</summary>
    public bool SmartPagingFileInUse
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>A checkpoint is taken at each start. Vireo takes none by itself.</summary>
    public bool AutomaticCheckpointsEnabled
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>The machine belongs to a cluster.</summary>
    public bool IsClustered
    {
        get => Fresh(ref field);
        set;
    }

    /// <summary>Number of NUMA nodes the guest sees.</summary>
    public int NumaNodesCount
    {
        get => Fresh(ref field);
        set;
    } = 1;

    /// <summary>Number of sockets the guest sees.</summary>
    public int NumaSocketCount
    {
        get => Fresh(ref field);
        set;
    } = 1;

    /// <summary>Takes every property of <paramref name="other"/>, the same machine read later.</summary>
    public void CopyFrom(VirtualMachine other)
    {
        ArgumentNullException.ThrowIfNull(other);
        foreach (var property in ModelJson.Default.VirtualMachine.Properties)
        {
            if (property is { Get: { } get, Set: { } set })
            {
                set(this, get(other));
            }
        }
    }

    /// <summary>The name.</summary>
    public override string ToString() => $"VirtualMachine (Name = '{Name}') [Id = '{Id}']";
}
