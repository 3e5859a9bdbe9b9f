using Vireo.Disks.Files;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Operations;

/// <summary>
/// Copies ranges of disks into one: by the storage itself where both sides lie in files of one file system or share (<see cref="IStorageCopy"/>), and
/// through this program elsewhere, one piece being read while the one before is written. Memory: two pieces.
/// </summary>
/// <param name="target">Where to. Not flushed.</param>
/// <param name="skipsZeros">Whether the target is zeros where it is copied to, so that zeros in the data need not be written.</param>
internal sealed class RangeCopier(IDiskImage target, bool skipsZeros) : IDisposable
{
    private const int PieceBytes = 1 << 20;
    private const int ZeroUnitBytes = 64 << 10;
    private const long OffloadBytes = 64L << 20;
    private NativeBuffer _first = new(PieceBytes);
    private NativeBuffer _second = new(PieceBytes);
    private IImageFile? _refused;
    private CopyMethod _method = CopyMethod.None;
    private long _copied;
    private long _offloaded;

    /// <summary>What was done so far.</summary>
    public CopyResult Result => new(_method, _copied, _offloaded);

    /// <summary>Whether the storage may copy; true unless somebody says otherwise.</summary>
    public bool MayOffload { get; init; } = true;

    /// <summary>Copies a range of <paramref name="source"/> to the same place.</summary>
    /// <param name="source">Where from.</param>
    /// <param name="offsetBytes">First byte.</param>
    /// <param name="lengthBytes">How many.</param>
    /// <param name="report">Told now and then how far it is.</param>
    /// <param name="cancellationToken">Ends the copy between two pieces.</param>
    /// <exception cref="ImageException">The storage failed, or is full.</exception>
    public async Task CopyAsync(IDiskImage source, long offsetBytes, long lengthBytes, Action<long> report, CancellationToken cancellationToken)
    {
        for (var end = offsetBytes + lengthBytes; offsetBytes < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!TryOffload(source, offsetBytes, end - offsetBytes, out var pieceBytes))
            {
                await PipeAsync(source, offsetBytes, offsetBytes + pieceBytes, report, cancellationToken).ConfigureAwait(false);
            }

            offsetBytes += pieceBytes;
            report(offsetBytes);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    // How much of the range is of one kind, and whether the storage copied it.
    private bool TryOffload(IDiskImage source, long offsetBytes, long lengthBytes, out long pieceBytes)
    {
        pieceBytes = lengthBytes;
        if (!MayOffload || source is not IPlacedImage placed || target is not IPlacedImage place)
        {
            return false;
        }

        pieceBytes = Math.Min(lengthBytes, OffloadBytes);
        if (!placed.TryPlace(offsetBytes, ref pieceBytes, toWrite: false, out var fromFile, out var from)
            || fromFile == _refused
            || Unwrapped(fromFile) is not { } sourceFile
            || !place.TryPlace(offsetBytes, ref pieceBytes, toWrite: true, out var toFile, out var to)
            || Unwrapped(toFile) is not IStorageCopy storage)
        {
            return false;
        }

        var method = _method;
        if (!storage.TryCopyFrom(sourceFile, from, to, pieceBytes, ref method))
        {
            _refused = fromFile;
            return false;
        }

        _method = method;
        _copied += pieceBytes;
        _offloaded += pieceBytes;
        return true;
    }

    private static IImageFile? Unwrapped(IImageFile? file) => file is KeptFile kept ? kept.Inner : file;

    private async Task PipeAsync(IDiskImage source, long offsetBytes, long end, Action<long> report, CancellationToken cancellationToken)
    {
        var writing = Task.CompletedTask;
        try
        {
            while (offsetBytes < end)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var length = (int)Math.Min(end - offsetBytes, PieceBytes);
                Require(await source.ReadAsync(offsetBytes, new IoVector(new[] { _first.Segment.Slice(0, length) }, length)).ConfigureAwait(false), source.Path, "read");
                await writing.ConfigureAwait(false);
                var (buffer, position) = (_first, offsetBytes);
                offsetBytes += length;

                // The last piece has nothing to wait for it.
                writing = offsetBytes < end ? Task.Run(() => WriteAsync(position, buffer, length), CancellationToken.None) : WriteAsync(position, buffer, length);
                (_first, _second) = (_second, _first);
                report(offsetBytes);
            }
        }
        finally
        {
            await writing.ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(long offsetBytes, NativeBuffer buffer, int length)
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
                await target.WriteAsync(offsetBytes + start, new IoVector(new[] { buffer.Segment.Slice(start, stop - start) }, stop - start), WriteOptions.None).ConfigureAwait(false),
                target.Path,
                "write");
            _copied += stop - start;
            _method = _method == CopyMethod.None ? CopyMethod.ReadWrite : _method;
            start = stop;
        }
    }

    private bool IsZero(NativeBuffer buffer, int start, int length) =>
        skipsZeros && buffer.Span[start..Math.Min(start + ZeroUnitBytes, length)].IndexOfAnyExcept((byte)0) < 0;

    private static void Require(BlockStatus status, string path, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, operation, status);
        }
    }
}
