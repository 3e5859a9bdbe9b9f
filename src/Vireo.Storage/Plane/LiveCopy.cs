using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.Layers;

namespace Vireo.Storage.Plane;

/// <summary>A mirror or merge of an open disk, while it runs.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Path">Target of a mirror; the image that a merge removes.</param>
/// <param name="Layer">What copies.</param>
/// <param name="Target">Where to.</param>
/// <param name="SizeBytes">Of the disk.</param>
internal sealed record LiveCopy(CopyKind Kind, string Path, MirrorLayer Layer, IDiskImage Target, long SizeBytes)
{
    /// <summary>What a client sees.</summary>
    public CopyStatus Status => new(
        Kind,
        Path,
        Layer.Phase switch
        {
            MirrorPhase.Ready => CopyPhase.Ready,
            MirrorPhase.Failed => CopyPhase.Failed,
            _ => CopyPhase.Copying,
        },
        Layer.CursorBytes,
        SizeBytes,
        Layer.CopiedBytes,
        Layer.BytesPerSecond,
        Layer.Failure,
        Layer.IsTargetFull);
}
