using Vireo.Disks;
using Vireo.Platform.Memory;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;
using Vireo.Storage.Tests.Stacks;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.Layers;

/// <summary>512-byte access over storage with sectors of 4096 bytes.</summary>
[Requirement("VD-9")]
public sealed class SectorLayerTests(ITestOutputHelper output)
{
    private const int SizeBytes = 4 << 20;

    [Fact]
    public async Task RandomRequests_ReadAsAModelSays()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var stack = Build(out _, out var sectors);
        Assert.Equal(new BlockGeometry(SizeBytes, 512, 4096), stack.Geometry);
        var model = new byte[SizeBytes];
        using var buffer = new TestBuffer(1 << 20);
        for (var step = 0; step < 3000; step++)
        {
            var length = 512 * (random.Next(10) == 0 ? random.Next(0, 2048) : random.Next(0, 40));
            var offset = random.Next((SizeBytes - length) / 512 + 1) * 512;
            using var memory = new NativeBuffer(Math.Max(512, length));
            var cut = length < 2 ? 0 : random.Next(1, length);
            var vector = length < 2 ? new IoVector(new[] { memory.Segment.Slice(0, length) }, length) : new IoVector(new[] { memory.Segment.Slice(0, cut), memory.Segment.Slice(cut, length - cut) }, length);
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(memory.Span[..length]);
                    Assert.Equal(BlockStatus.Ok, await stack.WriteAsync(offset, vector, random.Next(2) == 0 ? WriteOptions.None : WriteOptions.ForceUnitAccess));
                    memory.Span[..length].CopyTo(model.AsSpan(offset));
                    break;
                case 1:
                    Assert.Equal(BlockStatus.Ok, await stack.WriteZeroesAsync(offset, length, WriteOptions.MayTrim));
                    model.AsSpan(offset, length).Clear();
                    break;
                case 2:
                    // Trimmed memory reads as zeros; the sectors at both ends are kept.
                    Assert.Equal(BlockStatus.Ok, await stack.TrimAsync(offset, length));
                    var (start, end) = ((offset + 4095) / 4096 * 4096, (offset + length) / 4096 * 4096);
                    model.AsSpan(start, Math.Max(0, end - start)).Clear();
                    break;
                default:
                    Assert.Equal(BlockStatus.Ok, await stack.ReadAsync(offset, vector));
                    Assert.True(model.AsSpan(offset, length).SequenceEqual(memory.Span[..length]), $"seed {seed} step {step}");
                    break;
            }

            var extents = new List<BlockExtent>();
            Assert.Equal(BlockStatus.Ok, await stack.MapExtentsAsync(offset, length, extents));
            Assert.Equal(length, extents.Sum(extent => extent.LengthBytes));
        }

        Assert.True(sectors.ReadModifyWrites.Value > 0 && sectors.UnalignedReads.Value > 0);
    }

    [Fact]
    public async Task WritesOfNeighbours_AtTheSameTime_LoseNothing()
    {
        await using var stack = Build(out var device, out var sectors);

        // Every request sleeps on the way down, so that reads and writes of different requests mix.
        await stack.InsertAsync(new YieldLayer(), 0);
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            using var buffer = new TestBuffer(512);
            for (var round = 1; round <= 200; round++)
            {
                buffer.Span.Fill((byte)(writer + round));
                for (var sector = 0; sector < 4; sector++)
                {
                    Assert.Equal(BlockStatus.Ok, await stack.WriteAsync((sector * 4096) + (writer * 512), buffer.Vector, WriteOptions.None));
                }
            }
        }));
        await Task.WhenAll(writers);
        Assert.Equal(8 * 200 * 4, sectors.ReadModifyWrites.Value);
        for (var i = 0; i < 4 * 4096; i++)
        {
            Assert.Equal((byte)((i % 4096 / 512) + 200), device.Content[i]);
        }
    }

    [Fact]
    public async Task AlignedRequests_PassAsTheyCame_UnalignedOnesBecomeWholeSectors()
    {
        await using var stack = Build(out _, out _);
        var below = new TraceLayer("below");
        await stack.InsertAsync(below, 0);
        using var buffer = new TestBuffer(8192);
        using var small = new TestBuffer(1024);
        await stack.WriteAsync(4096, buffer.Vector, WriteOptions.ForceUnitAccess);
        Assert.Equal(new TracedRequest(BlockOperations.Write, 4096, 8192, WriteOptions.ForceUnitAccess, BlockStatus.Ok), Assert.Single(below.Requests));
        await stack.WriteAsync(3584, small.Vector, WriteOptions.ForceUnitAccess);
        Assert.Equal(
            [
                new(BlockOperations.Read, 0, 4096, WriteOptions.None, BlockStatus.Ok),
                new(BlockOperations.Read, 4096, 4096, WriteOptions.None, BlockStatus.Ok),
                new(BlockOperations.Write, 0, 8192, WriteOptions.ForceUnitAccess, BlockStatus.Ok),
            ],
            below.Requests.Skip(1));
        var refused = await Assert.ThrowsAsync<ArgumentException>(() => stack.RemoveAsync("sectors"));
        Assert.Contains("would change", refused.Message, StringComparison.Ordinal);
    }

    private static DiskStack Build(out MemoryBlockDevice device, out SectorLayer sectors)
    {
        device = new MemoryBlockDevice(SizeBytes, 4096);
        sectors = new SectorLayer("sectors");
        return new DiskStack(device, "memory", violation => Assert.Fail(violation.Message), sectors);
    }

    private sealed class YieldLayer() : LayerBase("yield")
    {
        public override async ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
        {
            await Task.Yield();
            return await Below.ReadAsync(offsetBytes, buffers);
        }

        public override async ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
        {
            await Task.Yield();
            return await Below.WriteAsync(offsetBytes, buffers, options);
        }
    }
}
