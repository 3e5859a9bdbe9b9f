using Vireo.Commands.Services;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>What was found of an image.</summary>
/// <param name="Path">The path.</param>
/// <param name="Info">What it says of itself; null when it cannot be looked at.</param>
/// <param name="Error">Why not; null when it can.</param>
/// <param name="Chain">The images that it consists of, itself first, as far as they were found.</param>
/// <param name="IsWritable">Its file can be written to.</param>
internal sealed record DiskFacts(string Path, ImageInfo? Info, ControlError? Error, IReadOnlyList<ChainImage> Chain, bool IsWritable);

/// <summary>What checks of a plan look at: the plan, the host, and the files as they are now.</summary>
internal sealed record ImportFacts
{
    /// <summary>The plan.</summary>
    public required PlannedImport Plan { get; init; }

    /// <summary>What it becomes.</summary>
    public required ImportLayout Layout { get; init; }

    /// <summary>What the host is and has.</summary>
    public required HostFacts Host { get; init; }

    /// <summary>Settings of the host.</summary>
    public required HostSettings Settings { get; init; }

    /// <summary>Machines of the host.</summary>
    public IReadOnlyList<VirtualMachineConfiguration> Machines { get; init; } = [];

    /// <summary>The configuration of a machine that is registered and could not be read; null for any other id.</summary>
    public Func<Guid, string?> UnreadableFile { get; init; } = _ => null;

    /// <summary>Other plans.</summary>
    public IReadOnlyList<PlannedImport> Plans { get; init; } = [];

    /// <summary>Switches of the host.</summary>
    public IReadOnlyList<SwitchConfiguration> Switches { get; init; } = [];

    /// <summary>Network interfaces of the host that can be an uplink.</summary>
    public IReadOnlyList<HostInterface> Interfaces { get; init; } = [];

    /// <summary>Every image of the plan, by path.</summary>
    public IReadOnlyDictionary<string, DiskFacts> Disks { get; init; } = new Dictionary<string, DiskFacts>();

    /// <summary>The host's processors let guests have virtualization.</summary>
    public bool OffersNesting { get; init; }

    /// <summary>Bytes that are free where a folder is, or will be; null when it cannot be told.</summary>
    public Func<string, long?> FreeBytes { get; init; } = _ => null;

    /// <summary>Why a folder cannot be written to, or null.</summary>
    public Func<string, string?> FolderProblem { get; init; } = _ => null;

    /// <summary>Whether there is a file.</summary>
    public Func<string, bool> FileExists { get; init; } = File.Exists;

    /// <summary>Where a path leads without links.</summary>
    public Func<string, string> RealPath { get; init; } = Platform.Files.RealPath.Of;

    /// <summary>Length of a file that is there.</summary>
    public Func<string, long> FileBytes { get; init; } = path => new FileInfo(path).Length;

    /// <summary>Why saved memory cannot be continued, or null.</summary>
    public Func<string, string?> StateProblem { get; init; } = _ => null;

    /// <summary>Why a drive cannot have its physical disk here, or null.</summary>
    public Func<DriveConfiguration, string?> PhysicalDiskProblem { get; init; } = _ => null;

    /// <summary>Whether this host can use a machine's key protector.</summary>
    public Func<string, bool> CanOpenKeyProtector { get; init; } = _ => true;

    /// <summary>The planned machine.</summary>
    public VirtualMachineConfiguration Machine => Plan.Machine;
}
