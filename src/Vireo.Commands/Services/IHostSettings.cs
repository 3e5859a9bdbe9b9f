using Microsoft.HyperV.PowerShell;
using Vireo.Control.Storage;
using Vireo.Machines.Devices;

namespace Vireo.Commands.Services;

/// <summary>Settings of the host that an administrator may change.</summary>
public sealed record HostSettings
{
    /// <summary>Version of the file's layout.</summary>
    public int FormatVersion { get; set; } = 1;

    /// <summary>Default folder of new virtual hard disks.</summary>
    public required string VirtualHardDiskPath { get; init; }

    /// <summary>Default folder of new virtual machines.</summary>
    public required string VirtualMachinePath { get; init; }

    /// <summary>First address of the pool for dynamic MAC addresses.</summary>
    public string MacAddressMinimum { get; set; } = "00155D000000";

    /// <summary>Last address of that pool.</summary>
    public string MacAddressMaximum { get; set; } = "00155D0000FF";

    /// <summary>Machines may span NUMA nodes.</summary>
    public bool NumaSpanningEnabled { get; set; } = true;

    /// <summary>How often the figures of metering are made safe against a power cut.</summary>
    public TimeSpan ResourceMeteringSaveInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Moves of storage that go at once; more wait.</summary>
    public uint MaximumStorageMigrations { get; set; } = 2;

    /// <summary>Machines may come from other hosts, and go there.</summary>
    public bool VirtualMachineMigrationEnabled { get; set; }

    /// <summary>Machines that migrate at once; more wait.</summary>
    public uint MaximumVirtualMachineMigrations { get; set; } = 2;

    /// <summary>How memory travels.</summary>
    public VMMigrationPerformance VirtualMachineMigrationPerformanceOption { get; set; } = VMMigrationPerformance.Compression;

    /// <summary>Most that the memory of one machine takes of the network, bits a second; 0 is no limit.</summary>
    public long VirtualMachineMigrationMaximumBandwidth { get; set; }

    /// <summary>Longest time that a guest is to stand still for its last pages.</summary>
    public TimeSpan VirtualMachineMigrationDowntimeLimit { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>A guest that changes its memory faster than it travels is slowed down.</summary>
    public bool VirtualMachineMigrationAutoConverge { get; set; } = true;

    /// <summary>Connections that carry memory side by side; compression takes two at least.</summary>
    public int VirtualMachineMigrationChannels { get; set; } = 1;

    /// <summary>Machines migrate over any network; else over <see cref="MigrationNetworks"/> only.</summary>
    public bool UseAnyNetworkForMigration { get; set; }

    /// <summary>Networks that machines migrate over; null for none.</summary>
    public IReadOnlyList<MigrationNetwork>? MigrationNetworks { get; set; }

    /// <summary>TCP port where this host listens for others.</summary>
    public int PeerPort { get; set; } = 6600;

    /// <summary>Folders that stand for paths of other computers in images; null for none.</summary>
    public IReadOnlyList<ParentFolder>? ParentFolders { get; set; }
}

/// <summary>What the host is and has.</summary>
/// <param name="Name">Name of the machine it runs on.</param>
/// <param name="FullyQualifiedDomainName">Name with its domain.</param>
/// <param name="LogicalProcessorCount">Processors.</param>
/// <param name="MemoryCapacityBytes">Memory.</param>
/// <param name="Accelerator">What guests run on.</param>
/// <param name="Version">Version of Vireo.</param>
public sealed record HostFacts(
    string Name, string FullyQualifiedDomainName, int LogicalProcessorCount, long MemoryCapacityBytes, string Accelerator, string Version)
{
    /// <summary>What guests' topologies are made after; one node where nobody says.</summary>
    public HostTopology Topology { get; set; } = new(LogicalProcessorCount, MemoryCapacityBytes);
}

/// <summary>A NUMA node of the host, now.</summary>
/// <param name="Id">Number.</param>
/// <param name="ProcessorsAvailable">How much of each of its logical processors is free, percent.</param>
/// <param name="AvailableBytes">Free memory.</param>
/// <param name="TotalBytes">Memory.</param>
public sealed record HostNumaNode(int Id, IReadOnlyList<int> ProcessorsAvailable, long AvailableBytes, long TotalBytes);

/// <summary>Memory of a running machine on a node.</summary>
/// <param name="NodeId">Node.</param>
/// <param name="MachineId">Machine.</param>
/// <param name="Bytes">What it has there.</param>
public sealed record HostNumaUse(int NodeId, Guid MachineId, long Bytes);

/// <summary>The NUMA nodes of the host.</summary>
public interface IHostNuma
{
    /// <summary>The nodes; looking at processors takes a moment.</summary>
    Task<IReadOnlyList<HostNumaNode>> NodesAsync(CancellationToken cancellation);

    /// <summary>Where running machines have their memory.</summary>
    IReadOnlyList<HostNumaUse> Uses();
}

/// <summary>The host itself.</summary>
public interface IHostSettings
{
    /// <summary>Current settings.</summary>
    HostSettings Current { get; }

    /// <summary>What the host is and has.</summary>
    HostFacts Facts { get; }

    /// <summary>Changes settings.</summary>
    HostSettings Change(Func<HostSettings, HostSettings> change);
}

/// <summary>Disk images, through the storage plane.</summary>
public interface IImages
{
    /// <summary>Makes an image, complete or not at all.</summary>
    Task CreateAsync(CreateImage image, CancellationToken cancellation);

    /// <summary>Works on an image that nobody has open; cancelling leaves it as it was, or whole.</summary>
    Task<ImageWorkResult> WorkAsync(ImageWork work, IProgress<ImageProgress>? progress, CancellationToken cancellation);

    /// <summary>Has parents of differencing images looked for in these folders, from now on.</summary>
    Task SetParentFoldersAsync(IReadOnlyList<ParentFolder> folders, CancellationToken cancellation);

    /// <summary>What an image says of itself.</summary>
    Task<ImageInfo> InspectAsync(string path, CancellationToken cancellation);
}
