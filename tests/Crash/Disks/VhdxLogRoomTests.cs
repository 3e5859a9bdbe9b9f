using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Testing;

namespace Vireo.Crash.Tests.Disks;

/// <summary>A log that is full to its last page, at the worst moment.</summary>
[Requirement("VD-3")]
public sealed class VhdxLogRoomTests
{
    private const int BlockBytes = 1 << 20;

    // The log is 256 pages; beginning takes two, a change two, and two are kept for the entry that makes room.
    private const int WritesThatFill = (256 - 2 - 2) / 2;

    [Fact]
    public async Task RoomIsMade_WhileAnotherFlushIsUnderWay_AndTheLogIsFull()
    {
        var made = new SimulatedDisk([]);
        new VhdxCreate(1L << 30, IsFixed: false, BlockBytes).Write(made, Guid.NewGuid);
        var disk = new SimulatedDisk(made.Now);
        var later = new List<Action>();
        await using var image = VhdxImage.Open(disk, Guid.NewGuid, later.Add);
        for (var i = 0; i < WritesThatFill; i++)
        {
            Assert.Equal(BlockStatus.Ok, await WriteAsync(image, i));
        }

        // The first flush stands still until the one who makes room has asked for two of its own.
        using var isInside = new ManualResetEventSlim();
        using var mayGo = new ManualResetEventSlim();
        Task<BlockStatus>? flush = null;
        var flushes = 0;
        disk.BeforeFlush = () =>
        {
            switch (Interlocked.Increment(ref flushes))
            {
                case 1:
                    isInside.Set();
                    Assert.True(mayGo.Wait(TimeSpan.FromMinutes(1)));
                    break;
                case 3:
                    mayGo.Set();
                    Assert.True(flush!.Wait(TimeSpan.FromMinutes(1)));
                    break;
            }
        };
        flush = Task.Run(() => image.FlushAsync().AsTask());
        Assert.True(isInside.Wait(TimeSpan.FromMinutes(1)));
        Assert.Single(later)();
        Assert.Equal(BlockStatus.Ok, await flush);
        Assert.True(flushes >= 3);
        disk.BeforeFlush = null;
        for (var i = WritesThatFill; i < 4 * WritesThatFill; i++)
        {
            Assert.Equal(BlockStatus.Ok, await WriteAsync(image, i));
        }

        // As a killed process leaves it.
        await using var again = VhdxImage.Open(new SimulatedDisk(disk.Now, isReadOnly: true), Guid.NewGuid);
        using var buffer = new NativeBuffer(GuestModel.SectorBytes);
        for (var i = 0; i < 4 * WritesThatFill; i++)
        {
            Assert.Equal(BlockStatus.Ok, await again.ReadAsync((long)i * BlockBytes, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes)));
            Assert.Equal((byte)(i | 1), buffer.Span[0]);
        }

        // Nobody is left who would make room later.
        foreach (var work in later.Skip(1).ToArray())
        {
            work();
        }
    }

    private static async Task<BlockStatus> WriteAsync(VhdxImage image, int block)
    {
        using var buffer = new NativeBuffer(GuestModel.SectorBytes);
        buffer.Span.Fill((byte)(block | 1));
        return await image.WriteAsync((long)block * BlockBytes, new IoVector(new[] { buffer.Segment }, buffer.LengthBytes), WriteOptions.None);
    }
}
