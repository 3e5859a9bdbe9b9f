namespace Microsoft.HyperV.PowerShell;

/// <summary>How hosts authenticate each other when machines migrate.</summary>
public enum MigrationAuthenticationType
{
    /// <summary>Credentials handed on.</summary>
    CredSSP = 0,

    /// <summary>Kerberos.</summary>
    Kerberos = 1,

    /// <summary>Certificates of an authority that both hosts believe.</summary>
    Certificate = 2,
}

/// <summary>How memory travels when machines migrate.</summary>
public enum VMMigrationPerformance
{
    /// <summary>As it is.</summary>
    TCPIP = 0,

    /// <summary>Compressed.</summary>
    Compression = 1,

    /// <summary>Over SMB.</summary>
    SMB = 2,
}

/// <summary>A host.</summary>
public sealed class VMHost : VirtualizationObject
{
    /// <summary>Name.</summary>
    public string Name { get; set; } = "";

    /// <summary>Name with its domain.</summary>
    public string FullyQualifiedDomainName { get; set; } = "";

    /// <summary>Logical processors.</summary>
    public int LogicalProcessorCount { get; set; }

    /// <summary>Memory, bytes.</summary>
    public long MemoryCapacity { get; set; }

    /// <summary>Default folder of new virtual hard disks.</summary>
    public string VirtualHardDiskPath { get; set; } = "";

    /// <summary>Default folder of new virtual machines.</summary>
    public string VirtualMachinePath { get; set; } = "";

    /// <summary>First address of the pool for dynamic MAC addresses, twelve hexadecimal digits.</summary>
    public string MacAddressMinimum { get; set; } = "";

    /// <summary>Last address of that pool.</summary>
    public string MacAddressMaximum { get; set; } = "";

    /// <summary>Machines may span NUMA nodes.</summary>
    public bool NumaSpanningEnabled { get; set; } = true;

    /// <summary>How often the figures of metering are made safe against a power cut.</summary>
    public TimeSpan ResourceMeteringSaveInterval { get; set; }

    /// <summary>Moves of machines' storage that go at once; more wait.</summary>
    public uint MaximumStorageMigrations { get; set; }

    /// <summary>Machines may come from other hosts, and go there.</summary>
    public bool VirtualMachineMigrationEnabled { get; set; }

    /// <summary>Machines that migrate at once; more wait.</summary>
    public uint MaximumVirtualMachineMigrations { get; set; }

    /// <summary>How hosts prove to each other who they are.</summary>
    public MigrationAuthenticationType VirtualMachineMigrationAuthenticationType { get; set; } = MigrationAuthenticationType.Certificate;

    /// <summary>How memory travels.</summary>
    public VMMigrationPerformance VirtualMachineMigrationPerformanceOption { get; set; }

    /// <summary>Most that the memory of one migrating machine takes of the network, bits a second; 0 is no limit.</summary>
    public long VirtualMachineMigrationMaximumBandwidth { get; set; }

    /// <summary>Longest time that a guest is to stand still for its last pages when it migrates.</summary>
    public TimeSpan VirtualMachineMigrationDowntimeLimit { get; set; }

    /// <summary>A guest that changes its memory faster than it travels is slowed down while it migrates.</summary>
    public bool VirtualMachineMigrationAutoConverge { get; set; }

    /// <summary>Connections that carry the memory of a migrating machine side by side; compression takes two at least.</summary>
    public int VirtualMachineMigrationChannels { get; set; }

    /// <summary>Machines migrate over any network; else over those of <c>Get-VMMigrationNetwork</c> only.</summary>
    public bool UseAnyNetworkForMigration { get; set; }

    /// <summary>TCP port where the host listens for others.</summary>
    public int PeerPort { get; set; }

    /// <summary>Folders where parents of differencing disks are that were made on other computers: <c>D:\VMs=/srv/vms</c>.</summary>
    public string[] ParentPathMap { get; set; } = [];

    /// <summary>Accelerator guests run on: <c>kvm</c> or <c>tcg</c>.</summary>
    public string Accelerator { get; set; } = "";

    /// <summary>Version of Vireo.</summary>
    public string VireoVersion { get; set; } = "";

    /// <summary>Versions of machine configurations the host takes.</summary>
    public string[] SupportedVmVersions { get; set; } = [];
}
