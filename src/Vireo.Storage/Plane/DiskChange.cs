using Vireo.Control.Storage;

namespace Vireo.Storage.Plane;

/// <summary>What is being done to a disk whose end a killed plane must find out.</summary>
public enum DiskChangeKind
{
    /// <summary>A copy onto <see cref="DiskChange.Path"/>. Until the record of the disk names the copy, the copy counts for nothing.</summary>
    Mirror,

    /// <summary>A child at <see cref="DiskChange.Path"/>. Until the record of the disk names the child, it counts for nothing.</summary>
    Snapshot,

    /// <summary>The image at <see cref="DiskChange.Path"/> is merged into its parent. Both are needed until the chain goes without it.</summary>
    Merge,

    /// <summary>The image at <see cref="DiskChange.Path"/> is no longer part of anything.</summary>
    Remove,
}

/// <summary>The step of a live change that was taken last, in the state file.</summary>
/// <param name="Kind">What is being done.</param>
/// <param name="Path">The image that appears or disappears.</param>
/// <param name="IsOurs">Whether the file was made for the change, and goes with it.</param>
/// <param name="BytesPerSecond">Limit of the copy; 0 is none.</param>
/// <param name="Checkpoints">Checkpoints that begin with a snapshot, and go with one that did not come to be.</param>
public sealed record DiskChange(DiskChangeKind Kind, string Path, bool IsOurs, long BytesPerSecond = 0, IReadOnlyList<LayerCheckpoint>? Checkpoints = null);
