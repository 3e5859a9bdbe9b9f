using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>Copies of machines in folders, from which they can be imported here or elsewhere.</summary>
public interface IExports
{
    /// <summary>
    /// Copies a machine into a new folder of its name below <paramref name="folder"/>: configuration, disks, checkpoints, and saved memory. The new
    /// folder is there complete or not at all. A machine that runs goes on, and is copied as it was at one moment.
    /// </summary>
    /// <param name="id">The machine.</param>
    /// <param name="folder">Folder for the new folder.</param>
    /// <param name="live">What is kept of a machine that runs.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up; nothing is left.</param>
    /// <returns>The new folder.</returns>
    Task<string> ExportAsync(Guid id, string folder, CaptureLiveState live, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>The same of a machine as it was at a checkpoint: without checkpoints, each disk whole in one image.</summary>
    Task<string> ExportCheckpointAsync(Guid id, Guid checkpoint, string folder, Action<string, int> progress, CancellationToken cancellation);
}

/// <summary>Where the files of a machine should be.</summary>
public sealed record StorageMoveRequest
{
    /// <summary>One folder for everything; null when each part has its own place.</summary>
    public string? DestinationPath { get; init; }

    /// <summary>Folder of the configuration; null leaves it.</summary>
    public string? VirtualMachinePath { get; init; }

    /// <summary>Folder of what checkpoints keep beside images; null leaves it.</summary>
    public string? SnapshotFilePath { get; init; }

    /// <summary>Folder of the smart paging file; null leaves it.</summary>
    public string? SmartPagingFilePath { get; init; }

    /// <summary>Images that move, by where they are: where they will be. What checkpoints made goes along with the image that it stands on.</summary>
    public IReadOnlyDictionary<string, string> Disks { get; init; } = new Dictionary<string, string>();

    /// <summary>The images stay where they were as well.</summary>
    public bool RetainSources { get; init; }

    /// <summary>Parents that no drive of the machine names go too, unless another machine stands on them.</summary>
    public bool RemoveUnmanaged { get; init; }
}

/// <summary>Moves the files of machines, whether they run or not.</summary>
public interface IStorageMoves
{
    /// <summary>
    /// Moves a machine's files. It has all of them at every moment: until the last step where they were, from then on where they should be. What is
    /// not needed any more is deleted afterwards.
    /// </summary>
    /// <param name="id">The machine.</param>
    /// <param name="request">Where to.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up, until the last step; everything is as before.</param>
    Task MoveAsync(Guid id, StorageMoveRequest request, Action<string, int> progress, CancellationToken cancellation);
}

/// <summary>How a machine is to be imported.</summary>
public sealed record ImportRequest
{
    /// <summary>The configuration file.</summary>
    public required string Path { get; init; }

    /// <summary>Copy all files; else the machine uses those that are there.</summary>
    public bool Copy { get; init; }

    /// <summary>Give the machine, its devices and checkpoints new identities. Only for a copy.</summary>
    public bool GenerateNewId { get; init; }

    /// <summary>For a copy: the machine's folder; null is one in the host's default folder.</summary>
    public string? VirtualMachinePath { get; init; }

    /// <summary>For a copy: folder of checkpoints' files; null is the machine's folder.</summary>
    public string? SnapshotFilePath { get; init; }

    /// <summary>For a copy: folder of the smart paging file; null is the machine's folder.</summary>
    public string? SmartPagingFilePath { get; init; }

    /// <summary>For a copy: folder of the disks; null is the host's default folder.</summary>
    public string? VhdDestinationPath { get; init; }

    /// <summary>Folder in which disks are looked for first.</summary>
    public string? VhdSourcePath { get; init; }
}

/// <summary>A machine that is to be imported, and what hinders that.</summary>
/// <param name="Request">How.</param>
/// <param name="Machine">The planned machine, which commands may change; null when the configuration cannot be read.</param>
/// <param name="Incompatibilities">What hinders.</param>
public sealed record ImportPlan(ImportRequest Request, VirtualMachineConfiguration? Machine, IReadOnlyList<Incompatibility> Incompatibilities);

/// <summary>
/// Machines from exports, copies, and other hosts. A plan is a machine that <see cref="IMachines"/> finds and changes but does not list; the files
/// it was made from are not written to before it becomes a machine.
/// </summary>
public interface IImports
{
    /// <summary>Configuration files of machines below a folder; the file itself when it is one.</summary>
    /// <exception cref="Framework.CommandException">There is none, or the path does not exist.</exception>
    IReadOnlyList<string> FindConfigurations(string path);

    /// <summary>Whether the file is the configuration of a machine of this host.</summary>
    bool IsRegistered(string configurationFile);

    /// <summary>Plans an import.</summary>
    Task<ImportPlan> PlanAsync(ImportRequest request, CancellationToken cancellation);

    /// <summary>Looks at a plan again.</summary>
    /// <exception cref="Framework.CommandException">The plan is gone.</exception>
    Task<ImportPlan> CheckAsync(Guid plan, CancellationToken cancellation);

    /// <summary>Makes a plan a machine of this host: completely, or not at all.</summary>
    /// <returns>The machine.</returns>
    /// <exception cref="Framework.CommandException">The plan is gone, or something hinders; the plan stays.</exception>
    Task<Guid> RealizeAsync(Guid plan, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Forgets a plan; one that is gone is forgotten already.</summary>
    void Drop(Guid plan);
}

/// <summary>How a machine is to go to another host.</summary>
public sealed record MoveRequest
{
    /// <summary>The other host, as a person calls it.</summary>
    public required string DestinationHost { get; init; }

    /// <summary>All files go along; into one folder that the other host chooses, unless <see cref="Places"/> says where.</summary>
    public bool IncludesStorage { get; init; }

    /// <summary>Where files go on the other host. What is not named lies on storage that both hosts have, and stays.</summary>
    public StorageMoveRequest Places { get; init; } = new();

    /// <summary>How memory travels.</summary>
    public Vireo.Machines.TransferSettings Transfer { get; init; } = new();

    /// <summary>Nothing moves: only whether it could is asked.</summary>
    public bool IsQuestion { get; init; }
}

/// <summary>Moves machines to other hosts, whether they run or not.</summary>
public interface IMachineMoves
{
    /// <summary>
    /// Moves a machine. It is this host's until the other one has taken it, which is one step; what fails or is cancelled before leaves it here, running if
    /// it ran.
    /// </summary>
    /// <param name="id">The machine.</param>
    /// <param name="request">Where to.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up, until the last pages of memory are sent.</param>
    /// <returns>The name of the host that has it.</returns>
    Task<string> MoveAsync(Guid id, MoveRequest request, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Asks the other host what hinders a machine from coming.</summary>
    Task<IReadOnlyList<Incompatibility>> CompareAsync(Guid id, MoveRequest request, CancellationToken cancellation);
}
