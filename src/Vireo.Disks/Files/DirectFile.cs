using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Vireo.Platform.Events;
using Vireo.Platform.Files;
using Vireo.Platform.Memory;

namespace Vireo.Disks.Files;

/// <summary>
/// The same file without the page cache (O_DIRECT): straight between the disk and the caller's memory. Memory that the disk cannot reach because
/// of its alignment goes over a buffer in between.
/// </summary>
internal sealed class DirectFile : IDisposable
{
    /// <summary>Requests are multiples of this, and so must be the alignment that the file system asks for.</summary>
    public const int SectorBytes = 512;

    private const int BounceBytes = 256 << 10;
    private const int KeptBuffers = 8;
    private readonly NativeFile _file;
    private readonly int _memoryAlignment;
    private readonly ConcurrentStack<NativeBuffer> _buffers = new();

    private DirectFile(NativeFile file, int memoryAlignment)
    {
        _file = file;
        _memoryAlignment = memoryAlignment;
    }

    /// <summary>Opens <paramref name="file"/> a second time; null where the file system, or the sectors of the disk below it, do not allow it.</summary>
    public static DirectFile? TryOpen(NativeFile file, bool writable)
    {
        var (memory, offset) = file.GetDirectAlignment();
        return offset is > 0 and <= SectorBytes && NativeFile.TryOpenAgain(file, writable, direct: true, out _) is { } direct ? new DirectFile(direct, memory) : null;
    }

    /// <summary>Whether a range can be moved at all.</summary>
    public static bool Takes(long offsetBytes, int lengthBytes) => ((offsetBytes | (uint)lengthBytes) & (SectorBytes - 1)) == 0;

    /// <summary>Moves the part of <paramref name="buffers"/> that begins at <paramref name="start"/>.</summary>
    /// <returns>The bytes moved, or the negated error number.</returns>
    public ValueTask<long> MoveAsync(bool isWrite, long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
        IsReachable(buffers.Segments, start, lengthBytes)
            ? MoveStraight(isWrite, offsetBytes, buffers.Segments, start, lengthBytes)
            : BounceAsync(isWrite, offsetBytes, buffers, start, lengthBytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        while (_buffers.TryPop(out var buffer))
        {
            buffer.Dispose();
        }
    }

    private bool IsReachable(ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        foreach (ref readonly var segment in segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            var takenBytes = Math.Min(segment.Length - start, lengthBytes);
            if (((segment.Address + start) & (_memoryAlignment - 1)) != 0 || (takenBytes & (SectorBytes - 1)) != 0)
            {
                return false;
            }

            start = 0;
            lengthBytes -= takenBytes;
            if (lengthBytes == 0)
            {
                break;
            }
        }

        return true;
    }

    private ValueTask<long> MoveStraight(bool isWrite, long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        if (Reactor.Current is { } reactor)
        {
            return isWrite
                ? reactor.Files.WriteAsync(_file, offsetBytes, segments, start, lengthBytes)
                : reactor.Files.ReadAsync(_file, offsetBytes, segments, start, lengthBytes);
        }

        var done = 0;
        while (done < lengthBytes)
        {
            var result = isWrite
                ? _file.Write(offsetBytes + done, segments, start + done, lengthBytes - done)
                : _file.Read(offsetBytes + done, segments, start + done, lengthBytes - done);
            if (result <= 0)
            {
                return new(result < 0 ? result : done);
            }

            done += (int)result;
        }

        return new(done);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<long> BounceAsync(bool isWrite, long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        if (!_buffers.TryPop(out var buffer))
        {
            buffer = new NativeBuffer(BounceBytes);
        }

        IoSegment[] segment = [buffer.Segment];
        var done = 0;
        while (done < lengthBytes)
        {
            var pieceBytes = Math.Min(lengthBytes - done, BounceBytes);
            if (isWrite)
            {
                SegmentWindow.CopyFrom(buffers.Segments, start + done, buffer.Span[..pieceBytes]);
            }

            var result = await MoveStraight(isWrite, offsetBytes + done, segment, 0, pieceBytes).ConfigureAwait(false);
            if (result < 0)
            {
                done = (int)result;
                break;
            }

            if (!isWrite)
            {
                SegmentWindow.CopyTo(buffer.Span[..(int)result], buffers.Segments, start + done);
            }

            done += (int)result;
            if (result < pieceBytes)
            {
                break;
            }
        }

        if (_buffers.Count < KeptBuffers)
        {
            _buffers.Push(buffer);
        }
        else
        {
            buffer.Dispose();
        }

        return done;
    }
}
