using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Platform.Memory;

namespace Vireo.Crash.Tests.Disks;

/// <summary>An image file in memory that records every change and flush, so that a test can cut the power anywhere in their history.</summary>
internal sealed class SimulatedDisk : IImageFile
{
    private byte[] _bytes;
    private long _length;

    public SimulatedDisk(byte[] content, bool isReadOnly = false)
    {
        Start = (byte[])content.Clone();
        _bytes = (byte[])content.Clone();
        _length = content.Length;
        IsReadOnly = isReadOnly;
    }

    /// <summary>The content before the first change.</summary>
    public byte[] Start { get; }

    /// <summary>All changes and flushes so far.</summary>
    public List<RecordedChange> History { get; } = [];

    public string Path => "simulated.vhdx";

    public bool IsReadOnly { get; }

    public long LengthBytes => _length;

    public BlockStatus Read(long offsetBytes, Span<byte> target)
    {
        target.Clear();
        if (offsetBytes < _length)
        {
            var count = (int)Math.Min(target.Length, _length - offsetBytes);
            _bytes.AsSpan((int)offsetBytes, count).CopyTo(target);
        }

        return BlockStatus.Ok;
    }

    public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source)
    {
        Assert.False(IsReadOnly, "a read-only file was written");
        Grow(offsetBytes + source.Length);
        source.CopyTo(_bytes.AsSpan((int)offsetBytes));
        _length = Math.Max(_length, offsetBytes + source.Length);
        History.Add(new RecordedChange(ChangeKind.Write, offsetBytes, source.Length, source.ToArray()));
        return BlockStatus.Ok;
    }

    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var copy = new byte[lengthBytes];
        Read(offsetBytes, copy);
        SegmentWindow.CopyTo(copy, buffers.Segments, start);
        return new(BlockStatus.Ok);
    }

    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var copy = new byte[lengthBytes];
        SegmentWindow.CopyFrom(buffers.Segments, start, copy);
        return new(Write(offsetBytes, copy));
    }

    public BlockStatus Flush()
    {
        Assert.False(IsReadOnly, "a read-only file was flushed");
        History.Add(new RecordedChange(ChangeKind.Flush, 0, 0));
        return BlockStatus.Ok;
    }

    public BlockStatus SetLength(long lengthBytes)
    {
        Assert.True(lengthBytes >= _length, "nothing here makes an image shorter");
        Grow(lengthBytes);
        _length = lengthBytes;
        History.Add(new RecordedChange(ChangeKind.Length, 0, lengthBytes));
        return BlockStatus.Ok;
    }

    public BlockStatus Reserve(long offsetBytes, long lengthBytes) => SetLength(Math.Max(_length, offsetBytes + lengthBytes));

    public BlockStatus Discard(long offsetBytes, long lengthBytes) => Zero(offsetBytes, lengthBytes);

    public BlockStatus Zero(long offsetBytes, long lengthBytes)
    {
        Assert.True(offsetBytes + lengthBytes <= _length, "zeros behind the end of the file");
        _bytes.AsSpan((int)offsetBytes, (int)lengthBytes).Clear();
        History.Add(new RecordedChange(ChangeKind.Zero, offsetBytes, lengthBytes));
        return BlockStatus.Ok;
    }

    public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole)
    {
        isHole = false;
        return lengthBytes;
    }

    public void Dispose()
    {
        // The memory belongs to the collector.
    }

    private void Grow(long length)
    {
        if (length > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)length);
        }
    }
}
