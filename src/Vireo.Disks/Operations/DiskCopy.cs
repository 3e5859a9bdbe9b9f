namespace Vireo.Disks.Operations;

/// <summary>
/// Copies what one disk shows to another of at least its size, which is zeros: data as the storage can best, holes stay holes. The target is
/// not flushed.
/// </summary>
internal sealed class DiskCopy(IDiskImage source, IDiskImage target, IProgress<CopyProgress>? progress)
{
    private const long ReportedBytes = 64L << 20;
    private long _reported;

    // A fixed disk is allocated all over, also where it is zeros: those are looked for, so that a dynamic one becomes no larger than it has to be.
    private bool MayOffload => target.Properties.Kind != DiskKind.Dynamic || source.Properties.Kind != DiskKind.Fixed;

    /// <summary>Copies everything.</summary>
    /// <exception cref="ImageException">The storage failed, or is full.</exception>
    public async Task<CopyResult> RunAsync(CancellationToken cancellationToken)
    {
        var size = source.Geometry.SizeBytes;
        List<BlockExtent> extents = [];
        using var copier = new RangeCopier(target, skipsZeros: true) { MayOffload = MayOffload };
        for (var offset = 0L; offset < size; offset = extents[^1].OffsetBytes + extents[^1].LengthBytes)
        {
            extents.Clear();
            Require(await source.MapExtentsAsync(offset, size - offset, extents).ConfigureAwait(false));
            foreach (var extent in extents)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if ((extent.Kind & ExtentKind.Zero) == 0)
                {
                    await copier.CopyAsync(source, extent.OffsetBytes, extent.LengthBytes, done => Report(done, size), cancellationToken).ConfigureAwait(false);
                }

                Report(extent.OffsetBytes + extent.LengthBytes, size);
            }
        }

        progress?.Report(new CopyProgress(size, size));
        return copier.Result;
    }

    private void Require(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(source.Path, "read", status);
        }
    }

    private void Report(long done, long size)
    {
        if (done - _reported >= ReportedBytes)
        {
            _reported = done;
            progress?.Report(new CopyProgress(done, size));
        }
    }
}
