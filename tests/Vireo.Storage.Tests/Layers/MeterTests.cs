#pragma warning disable CA2012 // Allowed: over memory a request is complete when the call returns.

using Vireo.Disks;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;
using Vireo.Storage.Tests.Stacks;
using Vireo.Storage.Tests.Support;

namespace Vireo.Storage.Tests.Layers;

/// <summary>What a meter says about requests whose sizes and times are known.</summary>
public sealed class MeterTests
{
    [Theory]
    [InlineData(512, 1)]
    [InlineData(8192, 1)]
    [InlineData(8193, 2)]
    [InlineData(1 << 20, 128)]
    public void Operations_AreCountedInUnitsOf8Kilobytes(long lengthBytes, long operations) => Assert.Equal(operations, MeterLayer.Normalized(lengthBytes));

    [Fact]
    public void Buckets_CoverEveryTime_InOrder_WithinASixteenth()
    {
        var last = -1;
        for (var microseconds = 0L; microseconds < uint.MaxValue; microseconds += 1 + (microseconds / 50))
        {
            var bucket = LatencyHistogram.BucketOf(microseconds);
            Assert.InRange(bucket, last, last + 1);
            Assert.InRange(LatencyHistogram.HighestOf(bucket), microseconds, microseconds + (microseconds / 16));
            last = bucket;
        }

        Assert.Equal(LatencyHistogram.BucketOf(long.MaxValue), LatencyHistogram.BucketOf(uint.MaxValue));
        Assert.Equal(0, LatencyHistogram.BucketOf(-5));
    }

    [Fact]
    public void Percentiles_AreThoseOfWhatWasAdded()
    {
        var histogram = new LatencyHistogram();
        Assert.Equal([0, 0], histogram.Percentiles(50, 99));
        for (var i = 1; i <= 1000; i++)
        {
            histogram.Add(i <= 990 ? 10 : 5000);
        }

        var answers = histogram.Percentiles(50, 99, 99.9, 100);
        Assert.Equal([10, 10], answers[..2]);
        Assert.All(answers[2..], answer => Assert.InRange(answer, 5000, 5000 + (5000 / 16)));
    }

    [Fact]
    public async Task Latency_IsTheTimeBelowTheMeter()
    {
        var clock = new SimulatedClock();
        await using var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", _ => { });
        var meter = new MeterLayer("meter", clock);
        await stack.InsertAsync(new DelayLayer("slow", TimeSpan.FromMilliseconds(250), BlockOperations.Write, clock));
        await stack.InsertAsync(meter);
        using var buffer = new TestBuffer(64 << 10);
        Assert.Equal(BlockStatus.Ok, await stack.ReadAsync(0, buffer.Vector));
        var write = stack.WriteAsync(0, buffer.Vector, WriteOptions.None).AsTask();
        clock.AdvanceTo(TimeSpan.FromMilliseconds(250));
        Assert.Equal(BlockStatus.Ok, await write);
        Assert.Equal((1, 8, 0), (meter.Reads.Operations.Value, meter.Reads.NormalizedOperations.Value, meter.Reads.LatencyUs.Value));
        Assert.Equal((1, 8, 250_000), (meter.Writes.Operations.Value, meter.Writes.NormalizedOperations.Value, meter.Writes.LatencyUs.Value));
        Assert.InRange(meter.Writes.Latency.Percentiles(50)[0], 250_000, 250_000 + (250_000 / 16));
    }

    [Fact]
    public async Task SteadyState_AllocatesNothing()
    {
        await using var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", _ => { });
        await stack.InsertAsync(new MeterLayer("meter", TimeProvider.System));
        using var buffer = new TestBuffer(4096);
        Send(stack, buffer, 1000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Send(stack, buffer, 10_000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }

    private static void Send(DiskStack stack, TestBuffer buffer, int count)
    {
        var vector = buffer.Vector;
        for (var i = 0; i < count; i++)
        {
            // Over memory every request completes before the call returns.
            var request = stack.WriteAsync(0, vector, WriteOptions.None);
            if (!request.IsCompletedSuccessfully || request.GetAwaiter().GetResult() != BlockStatus.Ok)
            {
                Assert.Fail("a request to memory failed");
            }
        }
    }
}
