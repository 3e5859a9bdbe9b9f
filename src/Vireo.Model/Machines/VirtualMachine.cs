namespace Microsoft.HyperV.PowerShell;

/// <summary>
/// A virtual machine. <see cref="VirtualMachineBase.Id"/> is its identity; several machines may share a name. State, uptime, status and what the guest
/// reports are live: a script that polls them sees them change.
/// </summary>
public sealed class VirtualMachine : VirtualMachineBase
{
    private VMState _state;
    private string _status = "";
    private VMOperationalStatus[] _operationalStatus = [];
    private TimeSpan _uptime;
    private int _cpuUsage;
    private long _memoryAssigned;
    private long _memoryDemand;
    private string _memoryStatus = "";
    private VMHeartbeatStatus? _heartbeat;
    private VMNetworkAdapter[] _networkAdapters = [];
    private HardDiskDrive[] _hardDrives = [];
    private DvdDrive[] _dvdDrives = [];

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

    /// <summary>State (live).</summary>
    public VMState State
    {
        get => Fresh()._state;
        set => _state = value;
    }

    /// <summary>Share of the host's processors in use, percent (live).</summary>
    public int CPUUsage
    {
        get => Fresh()._cpuUsage;
        set => _cpuUsage = value;
    }

    /// <summary>Memory the machine has now, bytes (live); 0 when it is off.</summary>
    public long MemoryAssigned
    {
        get => Fresh()._memoryAssigned;
        set => _memoryAssigned = value;
    }

    /// <summary>Memory the guest wants, bytes (live); 0 when it is off.</summary>
    public long MemoryDemand
    {
        get => Fresh()._memoryDemand;
        set => _memoryDemand = value;
    }

    /// <summary><c>OK</c>, <c>Low</c>, <c>Warning</c>; empty when it is off (live).</summary>
    public string MemoryStatus
    {
        get => Fresh()._memoryStatus;
        set => _memoryStatus = value;
    }

    /// <summary>Time since the start (live).</summary>
    public TimeSpan Uptime
    {
        get => Fresh()._uptime;
        set => _uptime = value;
    }

    /// <summary>One sentence on how it is (live).</summary>
    public string Status
    {
        get => Fresh()._status;
        set => _status = value;
    }

    /// <summary>Operational status (live).</summary>
    public VMOperationalStatus[] OperationalStatus
    {
        get => Fresh()._operationalStatus;
        set => _operationalStatus = value;
    }

    /// <summary>Heartbeat of the guest (live); null when the machine is off.</summary>
    public VMHeartbeatStatus? Heartbeat
    {
        get => Fresh()._heartbeat;
        set => _heartbeat = value;
    }

    /// <summary>Network adapters (live).</summary>
    public VMNetworkAdapter[] NetworkAdapters
    {
        get => Fresh()._networkAdapters;
        set => _networkAdapters = value;
    }

    /// <summary>Hard disk drives (live).</summary>
    public HardDiskDrive[] HardDrives
    {
        get => Fresh()._hardDrives;
        set => _hardDrives = value;
    }

    /// <summary>DVD drives (live).</summary>
    public DvdDrive[] DVDDrives
    {
        get => Fresh()._dvdDrives;
        set => _dvdDrives = value;
    }

    /// <summary>Serial port 1.</summary>
    public VMComPort? ComPort1 { get; set; }

    /// <summary>Serial port 2.</summary>
    public VMComPort? ComPort2 { get; set; }

    /// <summary>Generation as a type.</summary>
    public VirtualMachineSubType VirtualMachineSubType => (VirtualMachineSubType)Generation;

    /// <summary>Folder of the configuration.</summary>
    public string ConfigurationLocation { get; set; } = "";

    /// <summary>Folder of the smart paging file.</summary>
    public string SmartPagingFilePath { get; set; } = "";

    /// <summary>A smart paging file is in use.</summary>
    public bool SmartPagingFileInUse { get; set; }

    /// <summary>A checkpoint is taken at each start. Vireo takes none by itself.</summary>
    public bool AutomaticCheckpointsEnabled { get; set; }

    /// <summary>The machine belongs to a cluster.</summary>
    public bool IsClustered { get; set; }

    /// <summary>Number of NUMA nodes the guest sees.</summary>
    public int NumaNodesCount { get; set; } = 1;

    /// <summary>Takes the live properties of <paramref name="other"/>, the same machine read later.</summary>
    public void CopyLiveFrom(VirtualMachine other)
    {
        ArgumentNullException.ThrowIfNull(other);
        _state = other._state;
        _status = other._status;
        _operationalStatus = other._operationalStatus;
        _uptime = other._uptime;
        _cpuUsage = other._cpuUsage;
        _memoryAssigned = other._memoryAssigned;
        _memoryDemand = other._memoryDemand;
        _memoryStatus = other._memoryStatus;
        _heartbeat = other._heartbeat;
        _networkAdapters = other._networkAdapters;
        _hardDrives = other._hardDrives;
        _dvdDrives = other._dvdDrives;
        IsDeleted = other.IsDeleted;
    }

    /// <summary>The name.</summary>
    public override string ToString() => $"VirtualMachine (Name = '{Name}') [Id = '{Id}']";

    private VirtualMachine Fresh()
    {
        LiveSource?.Refresh(this);
        return this;
    }
}
