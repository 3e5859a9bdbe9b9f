namespace Vireo.Machines.Configuration;

/// <summary>A machine as it was at one moment. Its disks are not written any more: what came after lies in their children.</summary>
public sealed record CheckpointConfiguration
{
    /// <summary>Identity, for life.</summary>
    public required Guid Id { get; init; }

    /// <summary>Name shown to people; several may share one.</summary>
    public required string Name { get; init; }

    /// <summary>When it was taken.</summary>
    public required DateTimeOffset CreationTime { get; init; }

    /// <summary>The checkpoint that the machine stood on then; null is none.</summary>
    public Guid? ParentId { get; set; }

    /// <summary>Memory and device state were kept too, in a file of its own.</summary>
    public bool HasState { get; set; }

    /// <summary>The guest's file systems were frozen at the moment: its applications' data are whole.</summary>
    public bool IsApplicationConsistent { get; set; }

    /// <summary>It was taken for an export that is under way, and goes with it; nobody sees it.</summary>
    public bool IsForExport { get; set; }

    /// <summary>The machine then, without checkpoints.</summary>
    public required VirtualMachineConfiguration Machine { get; init; }
}

/// <summary>
/// The checkpoints of a machine and the disks that came with them. All of it is part of the machine's one configuration file, so that a
/// checkpoint is taken, applied or removed in one atomic step; what the step needs on disk is made before, and what it leaves over is
/// cleaned up after.
/// </summary>
public sealed record CheckpointTreeConfiguration
{
    /// <summary>Checkpoints in the order they were taken.</summary>
    public IReadOnlyList<CheckpointConfiguration> All { get; set; } = [];

    /// <summary>The checkpoint that the machine stands on; null is none.</summary>
    public Guid? CurrentId { get; set; }

    /// <summary>Differencing images that checkpoints made, parents before children.</summary>
    public IReadOnlyList<CheckpointDisk> Disks { get; set; } = [];

    /// <summary>What a checkpoint that is being taken or applied makes on disk before it counts; null is nothing.</summary>
    public CheckpointWork? Work { get; set; }

    /// <summary>The checkpoint that was applied and whose firmware variables the machine has yet to get; null is none.</summary>
    public Guid? FirmwareOf { get; set; }

    /// <summary>Checkpoints that are removed, and whose memory and firmware variables may still be on disk.</summary>
    public IReadOnlyList<Guid> Removed { get; set; } = [];
}

/// <summary>A differencing image that a checkpoint made.</summary>
/// <param name="Path">The image.</param>
/// <param name="ParentPath">What it stands on: another one of these, or the disk the machine was given.</param>
/// <param name="IsMerging">It is being merged into its parent: when its file is gone, the merge was completed.</param>
/// <param name="IsKept">It was detached from the machine by hand and is not cleaned up.</param>
public sealed record CheckpointDisk(string Path, string ParentPath, bool IsMerging = false, bool IsKept = false);

/// <summary>The disk side of taking or applying a checkpoint, written down before it begins.</summary>
/// <param name="CheckpointId">The checkpoint.</param>
/// <param name="Disks">Images that are made for it.</param>
public sealed record CheckpointWork(Guid CheckpointId, IReadOnlyList<PendingDisk> Disks);

/// <summary>An image that is about to become a drive's.</summary>
/// <param name="DriveId">The drive.</param>
/// <param name="Path">The new image.</param>
/// <param name="ParentPath">The image it stands on.</param>
public sealed record PendingDisk(Guid DriveId, string Path, string ParentPath);
