using Vireo.Disks.Files;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Operations;

/// <summary>
/// Copies what one disk shows to another of at least its size, which is zeros: data as the storage can best, holes stay holes. The target is
/// not flushed.
/// </summary>
internal sealed class DiskCopy(IDiskImage source, IDiskImage target, IProgress<CopyProgress>? progress)
{
    private const int PieceBytes = 1 << 20;
    private const int ZeroUnitBytes = 64 << 10;
    private const long ReportedBytes = 64L << 20;
    private readonly SystemImageFile? _sourceFile = FileOf(source);
    private readonly SystemImageFile? _targetFile = FileOf(target);
    private CopyMethod _method = CopyMethod.None;
    private bool _canOffload = true;
    private long _copied;
    private long _offloaded;
    private long _reported;

    /// <summary>Copies everything.</summary>
    /// <exception cref="ImageException">The storage failed, or is full.</exception>
    public async Task<CopyResult> RunAsync(CancellationToken cancellationToken)
    {
        var size = source.Geometry.SizeBytes;
        List<BlockExtent> extents = [];
        using var first = new NativeBuffer(PieceBytes);
        using var second = new NativeBuffer(PieceBytes);
        for (var offset = 0L; offset < size; offset = extents[^1].OffsetBytes + extents[^1].LengthBytes)
        {
            extents.Clear();
            Require(await source.MapExtentsAsync(offset, size - offset, extents).ConfigureAwait(false), source.Path, "read");
            foreach (var extent in extents)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if ((extent.Kind & ExtentKind.Zero) == 0)
                {
                    await CopyAsync(extent, first, second, cancellationToken).ConfigureAwait(false);
                }

                Report(extent.OffsetBytes + extent.LengthBytes, size);
            }
        }

        progress?.Report(new CopyProgress(size, size));
        return new CopyResult(_method, _copied, _offloaded);
    }

    private static SystemImageFile? FileOf(IDiskImage image) => image is IPlacedImage placed
        ? placed.File as SystemImageFile ?? (placed.File as KeptFile)?.Inner
        : null;

    private static void Require(BlockStatus status, string path, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, operation, status);
        }
    }

    private async Task CopyAsync(BlockExtent extent, NativeBuffer first, NativeBuffer second, CancellationToken cancellationToken)
    {
        var (offset, end) = (extent.OffsetBytes, extent.OffsetBytes + extent.LengthBytes);
        while (offset < end && _canOffload)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var done = Offload(offset, Math.Min(end - offset, ReportedBytes));
            if (done == 0)
            {
                break;
            }

            offset += done;
            Report(offset, source.Geometry.SizeBytes);
        }

        // One piece is read while the one before is written.
        var writing = Task.CompletedTask;
        try
        {
            while (offset < end)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var length = (int)Math.Min(end - offset, PieceBytes);
                Require(await source.ReadAsync(offset, new IoVector(new[] { first.Segment.Slice(0, length) }, length)).ConfigureAwait(false), source.Path, "read");
                await writing.ConfigureAwait(false);
                var (buffer, position) = (first, offset);
                writing = Task.Run(() => WriteAsync(position, buffer, length), CancellationToken.None);
                (first, second) = (second, first);
                offset += length;
                Report(offset, source.Geometry.SizeBytes);
            }
        }
        finally
        {
            await writing.ConfigureAwait(false);
        }
    }

    // Zeros between data are not written: the target is zeros already.
    private async Task WriteAsync(long offset, NativeBuffer buffer, int length)
    {
        for (var start = 0; start < length;)
        {
            if (IsZero(buffer, start, length))
            {
                start += ZeroUnitBytes;
                continue;
            }

            var stop = start;
            while (stop < length && !IsZero(buffer, stop, length))
            {
                stop += ZeroUnitBytes;
            }

            stop = Math.Min(stop, length);
            Require(
                await target.WriteAsync(offset + start, new IoVector(new[] { buffer.Segment.Slice(start, stop - start) }, stop - start), WriteOptions.None).ConfigureAwait(false),
                target.Path,
                "write");
            _copied += stop - start;
            _method = _method == CopyMethod.None ? CopyMethod.ReadWrite : _method;
            start = stop;
        }
    }

    private static bool IsZero(NativeBuffer buffer, int start, int length) =>
        buffer.Span[start..Math.Min(start + ZeroUnitBytes, length)].IndexOfAnyExcept((byte)0) < 0;

    private long Offload(long offset, long lengthBytes)
    {
        if (_sourceFile is null || _targetFile is null
            || !((IPlacedImage)source).TryPlace(offset, ref lengthBytes, toWrite: false, out var from)
            || !((IPlacedImage)target).TryPlace(offset, ref lengthBytes, toWrite: true, out var to))
        {
            return 0;
        }

        var method = _method;
        if (!_targetFile.TryCopyFrom(_sourceFile, from, to, lengthBytes, ref method))
        {
            _canOffload = false;
            return 0;
        }

        _method = method;
        _copied += lengthBytes;
        _offloaded += lengthBytes;
        return lengthBytes;
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
