#pragma warning disable CA2012 // Allowed: each answer is looked at until it is there, and taken once.

using Vireo.Disks;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;
using Vireo.Storage.Tests.Stacks;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.Layers;

/// <summary>What a throttle lets through, by a clock that the test moves.</summary>
public sealed class ThrottleTests(ITestOutputHelper output)
{
    [Fact]
    public void NoWindowOfTimeHoldsMoreThanTheMaximum_AndNothingIsLeftUnused()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 40; round++)
        {
            var clock = new SimulatedClock();
            using var group = new ThrottleGroup(clock);
            var burst = TimeSpan.FromMilliseconds(random.Next(20, 1000));
            var (iops, bytes) = (random.Next(2) == 0 ? 0 : random.Next(10, 20_000), random.Next(2) == 0 ? 0L : random.NextInt64(1 << 20, 1L << 32));
            var queue = group.Join(new ThrottleLimits(0, iops, bytes, burst));
            var waiting = new Queue<(ValueTask<bool> Entry, long Operations, long Bytes)>();
            double operationsDone = 0, bytesDone = 0, operationsFloor = 0, bytesFloor = 0;
            var longestRequest = 1 << 20;
            var until = TimeSpan.FromSeconds(30);
            var offered = 0;
            while (clock.Now < until && offered < 20_000)
            {
                while (waiting.Count < 32 && offered < 20_000)
                {
                    var length = random.Next(1, longestRequest / 512) * 512;
                    waiting.Enqueue((group.EnterAsync(queue, MeterLayer.Normalized(length), length), MeterLayer.Normalized(length), length));
                    offered++;
                    Take();
                }

                clock.AdvanceTo(clock.NextTimer ?? clock.Now + TimeSpan.FromMilliseconds(1));
                Take();
            }

            var seconds = clock.Now.TotalSeconds;
            if (iops > 0 || bytes > 0)
            {
                // One of the two maxima was used to the end: work waits only when it must.
                var used = Math.Max(iops > 0 ? operationsDone / iops : 0, bytes > 0 ? bytesDone / bytes : 0);
                Assert.True(offered >= 20_000 && waiting.Count == 0 || used >= (seconds * 0.99) - 0.01, $"seed {seed} round {round}: {used} of {seconds}");
            }

            void Take()
            {
                while (waiting.TryPeek(out var first) && first.Entry.IsCompleted)
                {
                    waiting.Dequeue();
                    Assert.False(first.Entry.Result);
                    operationsDone += first.Operations;
                    bytesDone += first.Bytes;
                    var now = clock.Now.TotalSeconds;

                    // Most that any window which ends now may hold: rate × (length + burst) + one request.
                    Assert.True(
                        iops == 0 || operationsDone - (iops * now) - operationsFloor <= (iops * burst.TotalSeconds) + (2 * MeterLayer.Normalized(longestRequest)) + 1,
                        $"seed {seed} round {round}: operations at {now}");
                    Assert.True(bytes == 0 || bytesDone - (bytes * now) - bytesFloor <= (bytes * burst.TotalSeconds) + (2 * longestRequest), $"seed {seed} round {round}: bytes at {now}");
                    operationsFloor = Math.Min(operationsFloor, operationsDone - (iops * now));
                    bytesFloor = Math.Min(bytesFloor, bytesDone - (bytes * now));
                }
            }
        }
    }

    [Theory]
    [InlineData(1000, 570, 640, 285, 345)]
    [InlineData(600, 380, 415, 185, 215)]
    public void DisksThatCompete_GetTheirMinimumFirst_AndWhatIsLeftByWeight(int capacity, int firstLow, int firstHigh, int secondLow, int secondHigh)
    {
        var clock = new SimulatedClock();
        using var group = new ThrottleGroup(clock);
        var burst = TimeSpan.FromMilliseconds(100);
        ThrottleQueue[] queues = [group.Join(new(600, 0, 0, burst)), group.Join(new(300, 0, 0, burst)), group.Join(new(0, 0, 0, burst))];
        var waiting = queues.Select(_ => new Queue<ValueTask<bool>>()).ToArray();
        var served = new int[queues.Length];
        var under = 0;
        Fill();
        const int Seconds = 20;
        for (var tick = 1; tick <= Seconds * capacity; tick++)
        {
            clock.AdvanceTo(TimeSpan.FromSeconds((double)tick / capacity));
            Assert.Equal(group.Slots, under);
            under--;
            group.Release();
            Fill();
        }

        output.WriteLine(string.Join(", ", served.Select(count => count / Seconds)));
        Assert.InRange(served[0] / Seconds, firstLow, firstHigh);
        Assert.InRange(served[1] / Seconds, secondLow, secondHigh);
        Assert.InRange(served.Sum(), capacity * Seconds, (capacity * Seconds) + group.Slots);

        void Fill()
        {
            bool moved;
            do
            {
                moved = false;
                for (var i = 0; i < queues.Length; i++)
                {
                    while (waiting[i].TryPeek(out var first) && first.IsCompleted)
                    {
                        Assert.True(waiting[i].Dequeue().Result);
                        served[i]++;
                        under++;
                        moved = true;
                    }

                    while (waiting[i].Count < 8)
                    {
                        waiting[i].Enqueue(group.EnterAsync(queues[i], 1, 4096));
                        moved = true;
                    }
                }
            }
            while (moved);
        }
    }

    [Fact]
    public void OtherLimits_HoldForWhatWaitsAlready_AndWhatWasUsedStaysOwed()
    {
        var clock = new SimulatedClock();
        using var group = new ThrottleGroup(clock);
        var burst = TimeSpan.FromMilliseconds(20);
        var queue = group.Join(new(0, 1, 0, burst));
        var entries = Enumerable.Range(0, 12).Select(_ => group.EnterAsync(queue, 1, 512)).ToList();
        Assert.Equal(1, entries.Count(entry => entry.IsCompleted));
        clock.AdvanceTo(TimeSpan.FromSeconds(0.5));

        // Half an operation is owed: at 10 a second the next goes 50 ms later (less the burst), then one each 100 ms.
        group.Change(queue, new(0, 10, 0, burst));
        clock.AdvanceTo(TimeSpan.FromSeconds(0.52));
        Assert.Equal(1, entries.Count(entry => entry.IsCompleted));
        clock.AdvanceTo(TimeSpan.FromSeconds(0.56));
        Assert.Equal(2, entries.Count(entry => entry.IsCompleted));
        clock.AdvanceTo(TimeSpan.FromSeconds(1.06));
        Assert.Equal(7, entries.Count(entry => entry.IsCompleted));
        group.Change(queue, new(0, 0, 0, burst));
        Assert.True(entries.TrueForAll(entry => entry.IsCompleted));

        // At most the timer that was set fires once more; then nothing runs.
        clock.AdvanceTo(TimeSpan.FromSeconds(3));
        Assert.Null(clock.NextTimer);
    }

    [Fact]
    public async Task SpliceOfAThrottledDisk_WaitsForNoLimit()
    {
        var clock = new SimulatedClock();
        using var group = new ThrottleGroup(clock);
        await using var stack = new DiskStack(new MemoryBlockDevice(1 << 20), "memory", violation => Assert.Fail(violation.Message));
        await stack.InsertAsync(new ThrottleLayer("throttle", new(0, 1, 0, TimeSpan.FromMilliseconds(20)), group));
        using var buffer = new TestBuffer(512);
        var requests = Enumerable.Range(0, 50).Select(i => stack.WriteAsync(i * 512, buffer.Vector, WriteOptions.None).AsTask()).ToList();
        Assert.Contains(requests, request => !request.IsCompleted);
        await stack.InsertAsync(new TraceLayer("trace"));
        Assert.All(await Task.WhenAll(requests), status => Assert.Equal(BlockStatus.Ok, status));

        // What was let go is owed: the limit holds again, and the clock never moved.
        var late = stack.ReadAsync(0, buffer.Vector).AsTask();
        Assert.False(late.IsCompleted);
        Assert.True(await stack.RemoveAsync("throttle"));
        Assert.Equal(BlockStatus.Ok, await late);
    }
}
