using Vireo.Host.Metering;
using Vireo.Testing;

namespace Vireo.Host.Tests.Metering;

/// <summary>The arithmetic of metering, on lives made at random, compared with a model that goes second by second.</summary>
[Requirement("RM-1")]
public sealed class MeterFiguresTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const string Boot = "boot";

    [Fact]
    public void Figures_are_those_of_the_life_however_it_is_sampled()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"Seed {seed}");
        var random = new Random(seed);
        for (var life = 0; life < 300; life++)
        {
            var figures = MeterFigures.Begin(DateTimeOffset.UnixEpoch, new MeterHold(new MeterInstant(Boot, 0), false, 0, 0));
            long now = 0, running = 0, memoryTime = 0, processor = 0, work = 0, allocation = 0, read = 0;
            long? least = null, most = null;
            var (isRunning, memory) = (false, 0L);
            var drive = Guid.NewGuid();
            for (var step = random.Next(1, 60); step > 0; step--)
            {
                long elapsed = random.Next(0, 100_000);
                now += elapsed;
                running += isRunning ? elapsed : 0;
                memoryTime += isRunning ? memory * elapsed : 0;
                isRunning = random.Next(4) > 0;
                memory = random.Next(1, 1 << 20);
                var (used, megahertz, capacity, bytes) = (random.Next(0, 10_000), random.Next(800, 5_000), random.Next(0, 1 << 20), random.Next(1 << 30));
                processor += used;
                work += (long)used * megahertz;
                allocation = Math.Max(allocation, capacity);
                read += bytes;
                if (isRunning)
                {
                    least = Math.Min(least ?? memory, memory);
                    most = Math.Max(most ?? memory, memory);
                }

                figures.Advance(new MeterObservation
                {
                    Instant = new MeterInstant(Boot, now),
                    IsRunning = isRunning,
                    MemoryMegabytes = memory,
                    AllocationMegabytes = capacity,
                    ProcessorMilliseconds = used,
                    Megahertz = megahertz,
                    Disks = new Dictionary<Guid, DiskTotals> { [drive] = new("a", bytes, 0, 1, 1, 5) },
                });
                AssertOrdered(figures);
            }

            Assert.Equal((now, running, memoryTime, processor, work), (figures.Duration, figures.Running, figures.MemoryTime, figures.Processor, figures.ProcessorWork));
            Assert.Equal((least, most, allocation, read), (figures.MemoryMinimum, figures.MemoryMaximum, figures.Allocation, figures.Disks[drive].BytesRead));
        }
    }

    [Fact]
    public void Averages_are_weighted_by_time()
    {
        var figures = MeterFigures.Begin(DateTimeOffset.UnixEpoch, Hold(0, 1000));
        figures.Advance(At(9_000, 1000) with { ProcessorMilliseconds = 9_000, Megahertz = 2000 });
        figures.Advance(At(9_000, 4000));
        figures.Advance(At(10_000, 4000) with { ProcessorMilliseconds = 0, Megahertz = 2000 });
        Assert.Equal((1300, 1000, 4000, 1800), (figures.MemoryAverage, figures.MemoryMinimum, figures.MemoryMaximum, figures.ProcessorAverage));
    }

    [Fact]
    public void A_machine_that_is_off_uses_nothing_and_the_period_goes_on()
    {
        var figures = MeterFigures.Begin(DateTimeOffset.UnixEpoch, Hold(0, 1000));
        figures.Advance(new MeterObservation { Instant = new MeterInstant(Boot, 5_000) });
        figures.Advance(new MeterObservation { Instant = new MeterInstant(Boot, 10_000) });
        Assert.Equal((10_000, 5_000, 500, 1000), (figures.Duration, figures.Running, figures.MemoryAverage, figures.MemoryMinimum));
    }

    [Fact]
    public void Time_that_goes_back_or_belongs_to_another_boot_counts_nothing()
    {
        var figures = MeterFigures.Begin(DateTimeOffset.UnixEpoch, Hold(5_000, 1000));
        figures.Advance(At(4_000, 1000));
        Assert.Equal(0, figures.Duration);
        figures.Advance(At(6_000, 1000) with { Instant = new MeterInstant("another", 900_000) });
        Assert.Equal((0, 0), (figures.Duration, figures.Running));
        figures.Advance(At(6_000, 1000) with { Instant = new MeterInstant("another", 901_000) });
        Assert.Equal((1_000, 1_000), (figures.Duration, figures.Running));
    }

    [Fact]
    public void A_guest_that_nobody_watched_is_not_thought_to_have_run()
    {
        var figures = MeterFigures.Begin(DateTimeOffset.UnixEpoch, Hold(0, 1000));
        figures.Advance(At(60_000, 2000) with { IsContinuous = false });
        Assert.Equal((60_000, 0, 0), (figures.Duration, figures.Running, figures.MemoryTime));
    }

    [Fact]
    public void A_new_period_begins_with_what_is_so_now()
    {
        var before = MeterFigures.Begin(DateTimeOffset.UnixEpoch, Hold(0, 9000));
        before.Advance(At(10_000, 1000) with { ProcessorMilliseconds = 1_000, Megahertz = 1000, AllocationMegabytes = 70 });
        var figures = MeterFigures.Begin(DateTimeOffset.UnixEpoch, before.Hold!);
        Assert.Null(figures.MemoryAverage);
        figures.Advance(At(20_000, 1000));
        Assert.Equal((10_000, 0, 1000, 1000, 70), (figures.Duration, figures.Processor, figures.MemoryAverage, figures.MemoryMaximum, figures.Allocation));
    }

    private static MeterHold Hold(long milliseconds, long memory) => new(new MeterInstant(Boot, milliseconds), true, memory, null);

    private static MeterObservation At(long milliseconds, long memory) => new() { Instant = new MeterInstant(Boot, milliseconds), IsRunning = true, MemoryMegabytes = memory };

    // Least <= average while it ran <= most, and the average over all the time is not more.
    private static void AssertOrdered(MeterFigures figures)
    {
        Assert.True(figures.Running <= figures.Duration);
        if (figures.Running > 0)
        {
            Assert.True(figures.MemoryMinimum * figures.Running <= figures.MemoryTime, "average below the minimum");
            Assert.True(figures.MemoryMaximum * figures.Running >= figures.MemoryTime, "average above the maximum");
            Assert.True(figures.MemoryAverage <= figures.MemoryTime / figures.Running);
        }
    }
}
