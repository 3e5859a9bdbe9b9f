using System.Collections.Concurrent;
using Vireo.Disks;
using Vireo.Testing;
using Vireo.Testing.Vhost;

namespace Vireo.Storage.Tests.FrontEnds.VhostUserBlock;

/// <summary>A guest whose disk has no room waits, and loses nothing, whatever becomes of its queues meanwhile.</summary>
[Requirement("VD-10")]
public sealed class HeldRequestTests
{
    private const int DiskBytes = 16 << 20;
    private const byte IoError = 1;
    private readonly FullDevice _disk = new(new MemoryBlockDevice(DiskBytes));
    private readonly ConcurrentQueue<BlockStatus?> _told = new();

    [Theory]
    [InlineData(BlockStatus.NoSpace)]
    [InlineData(BlockStatus.IoError)]
    public async Task What_fails_below_is_done_when_it_does_not_any_more(BlockStatus failure)
    {
        await using var fixture = BlockFixture.Create(_disk, stalled: _told.Enqueue);
        var drivers = new[] { fixture.Driver(0), fixture.Driver(1) };
        _disk.Failure = failure;
        for (var i = 0; i < 8; i++)
        {
            Send(drivers[i % 2], i);
        }

        var zero = drivers[0].Take();
        ZeroRange(drivers[0], zero);
        drivers[0].Send(zero, MockBlockDriver.WriteZeroes, 0, 16);
        drivers[0].Queue.Kick();
        await Wait.UntilAsync("all of them to have failed", () => _disk.Refused >= 9);

        // What was written before is not promised by a flush that fails.
        Assert.Equal(IoError, drivers[1].Do(MockBlockDriver.Flush, 0));
        Assert.Equal([failure], _told);
        _disk.Failure = BlockStatus.Ok;
        for (var i = 0; i < 9; i++)
        {
            Assert.Equal(0, drivers[i % 2].Wait().Status);
        }

        await Wait.UntilAsync("word that it goes on", () => _told.Count == 2);
        Assert.Null(_told.Last());
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal((byte)(i + 1), _disk.Inner.Content[(100 + i) * 512]);
        }
    }

    [Fact]
    public async Task A_queue_that_stops_or_whose_memory_changes_takes_up_what_was_held()
    {
        await using var fixture = BlockFixture.Create(_disk, stalled: _told.Enqueue);
        var inflight = fixture.Guest.GetInflight(2, 128);
        Assert.True(fixture.Guest.SetInflight(inflight));
        var driver = fixture.Driver();
        _disk.Failure = BlockStatus.NoSpace;
        Send(driver, 0);
        Send(driver, 1);
        await Wait.UntilAsync("both to have failed", () => _disk.Refused >= 2);
        Assert.True(fixture.Guest.SetMemory(fixture.Memory));
        Assert.Null(driver.TryGet());
        var position = fixture.Guest.Stop(driver.Queue);
        Assert.Equal(driver.Queue.AvailableIndex, position);
        Assert.Null(driver.TryGet());
        Assert.Null(_told.Last());
        Assert.True(fixture.Guest.SetInflight(inflight));
        fixture.Guest.Start(fixture.Memory, driver.Queue, position);
        Send(driver, 2);
        await Wait.UntilAsync("it to wait again", () => _told.Last() == BlockStatus.NoSpace);
        _disk.Failure = BlockStatus.Ok;
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(0, driver.Wait().Status);
        }

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal((byte)(i + 1), _disk.Inner.Content[(100 + i) * 512]);
        }

        inflight.File.Dispose();
    }

    [Fact]
    public async Task A_queue_that_stops_and_remembers_nothing_gets_the_error()
    {
        await using var fixture = BlockFixture.Create(_disk, stalled: _told.Enqueue);
        var driver = fixture.Driver();
        _disk.Failure = BlockStatus.NoSpace;
        Send(driver, 0);
        await Wait.UntilAsync("it to wait", () => _told.Count == 1);
        fixture.Guest.Stop(driver.Queue);
        Assert.Equal(IoError, driver.Wait().Status);
        await Wait.UntilAsync("word that nothing waits", () => _told.Count == 2);
    }

    [Fact]
    public async Task A_guest_that_goes_away_leaves_nothing_that_is_tried()
    {
        var fixture = BlockFixture.Create(_disk, stalled: _told.Enqueue);
        var driver = fixture.Driver();
        _disk.Failure = BlockStatus.NoSpace;
        Send(driver, 0);
        await Wait.UntilAsync("it to wait", () => _told.Count == 1);
        await fixture.DisposeAsync();
        Assert.Null(_told.Last());
    }

    private static void Send(MockBlockDriver driver, int number)
    {
        var request = driver.Take();
        driver.Data(request, 512).Fill((byte)(number + 1));
        driver.Send(request, MockBlockDriver.Write, (ulong)(100 + number), 512);
        driver.Queue.Kick();
    }

    // virtio 1.2 5.2.6: le64 sector, le32 sectors, le32 flags.
    private static void ZeroRange(MockBlockDriver driver, MockBlockRequest request)
    {
        var range = driver.Data(request, 16);
        range.Clear();
        range[8] = 8;
    }

    /// <summary>A disk that has room, or has not.</summary>
    private sealed class FullDevice(MemoryBlockDevice inner) : IBlockDevice
    {
        private volatile BlockStatus _failure;
        private int _refused;

        public MemoryBlockDevice Inner => inner;

        public BlockStatus Failure
        {
            get => _failure;
            set => _failure = value;
        }

        public int Refused => Volatile.Read(ref _refused);

        public BlockGeometry Geometry => inner.Geometry;

        public BlockCapabilities Capabilities => inner.Capabilities;

        public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => Fails ? new(_failure) : inner.ReadAsync(offsetBytes, buffers);

        public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => Fails ? new(_failure) : inner.WriteAsync(offsetBytes, buffers, options);

        public ValueTask<BlockStatus> FlushAsync() => Fails ? new(_failure) : inner.FlushAsync();

        public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => Fails ? new(_failure) : inner.TrimAsync(offsetBytes, lengthBytes);

        public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) =>
            Fails ? new(_failure) : inner.WriteZeroesAsync(offsetBytes, lengthBytes, options);

        public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => inner.MapExtentsAsync(offsetBytes, lengthBytes, extents);

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private bool Fails
        {
            get
            {
                if (_failure == BlockStatus.Ok)
                {
                    return false;
                }

                Interlocked.Increment(ref _refused);
                return true;
            }
        }
    }
}
