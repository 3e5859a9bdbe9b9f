using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Platform.Memory;

namespace Vireo.Crash.Tests.Disks;

/// <summary>An image file in memory that records every change and flush, so that a test can cut the power anywhere in their history.</summary>
internal sealed class SimulatedDisk : IImageFile
{
    private readonly SparseBytes _bytes;

    public SimulatedDisk(byte[] content, bool isReadOnly = false)
        : this(new SparseBytes(content), isReadOnly)
    {
    }

    public SimulatedDisk(SparseBytes content, bool isReadOnly = false)
    {
        _bytes = content.Clone();
        Start = content.Clone();
        IsReadOnly = isReadOnly;
    }

    /// <summary>The content before the first change.</summary>
    public SparseBytes Start { get; }

    /// <summary>For disks that are used together: who changed, in the order in which it happened. It is also the lock of all of them.</summary>
    public List<SimulatedDisk> Order { get; init; } = [];

    /// <summary>Runs before each flush.</summary>
    public Action? BeforeFlush { get; set; }

    /// <summary>All changes and flushes so far.</summary>
    public List<RecordedChange> History { get; } = [];

    public string Path { get; init; } = "simulated.vhdx";

    public bool IsReadOnly { get; }

    public long LengthBytes => _bytes.Length;

    /// <summary>The content now.</summary>
    public SparseBytes Now => _bytes.Clone();

    public BlockStatus Read(long offsetBytes, Span<byte> target)
    {
        lock (Order)
        {
            _bytes.Read(offsetBytes, target);
            return BlockStatus.Ok;
        }
    }

    public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source)
    {
        Assert.False(IsReadOnly, "a read-only file was written");
        lock (Order)
        {
            _bytes.Write(offsetBytes, source);
            return Record(new RecordedChange(ChangeKind.Write, offsetBytes, source.Length, source.ToArray()));
        }
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
        BeforeFlush?.Invoke();
        lock (Order)
        {
            return Record(new RecordedChange(ChangeKind.Flush, 0, 0));
        }
    }

    public BlockStatus SetLength(long lengthBytes)
    {
        Assert.False(IsReadOnly, "a read-only file was made longer or shorter");
        lock (Order)
        {
            _bytes.SetLength(lengthBytes);
            return Record(new RecordedChange(ChangeKind.Length, 0, lengthBytes));
        }
    }

    public BlockStatus Reserve(long offsetBytes, long lengthBytes) =>
        offsetBytes + lengthBytes > LengthBytes ? SetLength(offsetBytes + lengthBytes) : BlockStatus.Ok;

    public BlockStatus Discard(long offsetBytes, long lengthBytes) => Zero(offsetBytes, lengthBytes);

    public BlockStatus Zero(long offsetBytes, long lengthBytes)
    {
        Assert.False(IsReadOnly, "a read-only file was changed");
        Assert.True(offsetBytes + lengthBytes <= LengthBytes, "zeros behind the end of the file");
        lock (Order)
        {
            _bytes.Clear(offsetBytes, lengthBytes);
            return Record(new RecordedChange(ChangeKind.Zero, offsetBytes, lengthBytes));
        }
    }

    public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole)
    {
        isHole = false;
        return lengthBytes;
    }

    private BlockStatus Record(RecordedChange change)
    {
        History.Add(change);
        Order.Add(this);
        return BlockStatus.Ok;
    }

    public void Dispose()
    {
        // The memory belongs to the collector.
    }
}
