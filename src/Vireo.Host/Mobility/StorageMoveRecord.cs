using Vireo.Host.Store;

namespace Vireo.Host.Mobility;

/// <summary>An image that goes to another place.</summary>
/// <param name="Source">Where it is.</param>
/// <param name="Target">Where it will be.</param>
internal sealed record ImageMove(string Source, string Target);

/// <summary>An image that a running guest writes to: the storage plane copies it, and puts the copy in its place.</summary>
/// <param name="DriveId">The drive that has it.</param>
/// <param name="Source">Where it is.</param>
/// <param name="Target">Where it will be.</param>
internal sealed record LiveImageMove(Guid DriveId, string Source, string Target);

/// <summary>
/// A move of a machine's storage that is under way, or whose sources are yet to go: all that is needed to finish or undo it. What counts is the
/// machine's configuration; one write of it makes the whole move.
/// </summary>
/// <param name="Id">Of this move; the configuration that it makes carries it.</param>
/// <param name="MachineId">The machine.</param>
internal sealed record StorageMoveRecord(Guid Id, Guid MachineId)
{
    /// <summary>The machine's folder after the move.</summary>
    public required string Path { get; init; }

    /// <summary>Folder of its checkpoints after the move.</summary>
    public required string SnapshotFileLocation { get; init; }

    /// <summary>Folder of its smart paging file after the move.</summary>
    public required string SmartPagingFilePath { get; init; }

    /// <summary>Its images that move, parents before children.</summary>
    public IReadOnlyList<ImageMove> Images { get; set; } = [];

    /// <summary>Those of them that a guest writes to.</summary>
    public IReadOnlyList<LiveImageMove> Live { get; set; } = [];

    /// <summary>Copies under way, under names that nobody else gives.</summary>
    public IReadOnlyList<string> Partial { get; set; } = [];

    /// <summary>Images that were made, and have their names or are about to get them.</summary>
    public IReadOnlyList<PublishedFile> MadeImages { get; set; } = [];

    /// <summary>Other files that were made, and have their names or are about to get them.</summary>
    public IReadOnlyList<PublishedFile> MadeFiles { get; set; } = [];

    /// <summary>The configuration at its new place, when it was made or is about to be; it carries the machine's id in its name.</summary>
    public string? MadeConfiguration { get; set; }

    /// <summary>Folders that were made for them, parents first.</summary>
    public IReadOnlyList<string> MadeFolders { get; set; } = [];

    /// <summary>Images that go once nobody stands on them any more.</summary>
    public IReadOnlyList<string> SourceImages { get; set; } = [];

    /// <summary>Other files that go once the machine does not need them.</summary>
    public IReadOnlyList<string> SourceFiles { get; set; } = [];

    /// <summary>Folders that go when nothing is left in them, children first.</summary>
    public IReadOnlyList<string> SourceFolders { get; set; } = [];

    /// <summary>From here on the plane may have put a copy in the place of its source.</summary>
    public bool IsSwitching { get; set; }

    /// <summary>The configuration names the new places, so that what lies at the old ones may go.</summary>
    public bool IsCommitted { get; set; }
}
