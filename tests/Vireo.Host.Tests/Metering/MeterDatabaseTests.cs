using Vireo.Host.Metering;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Host.Tests.Metering;

/// <summary>What is kept of metering, and how much of it.</summary>
public sealed class MeterDatabaseTests(ITestOutputHelper output) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("RM-4")]
    public void Figures_and_counters_are_read_as_they_were_written()
    {
        var machine = Guid.NewGuid();
        var drive = Guid.NewGuid();
        using (var database = Open())
        {
            var meter = Meter(database, $"machine {machine:D}");
            meter.Total.Advance(new MeterObservation
            {
                Instant = new MeterInstant("boot", 5_000),
                IsRunning = true,
                MemoryMegabytes = 512,
                ProcessorMilliseconds = 70,
                Megahertz = 2000,
                Disks = new Dictionary<Guid, DiskTotals> { [drive] = new("/a.vhdx", 1, 2, 3, 4, 5) },
                Traffic = [new TrafficTotals(drive, "", "10.0.0.0/8", "Outbound", 99)],
            });
            var book = new SourceBook();
            book.Begin([new CounterReading("disk", drive, "g", [1, 2, 3])]);
            database.Save([meter], [(machine, book)], DateTimeOffset.UnixEpoch);
        }

        using var again = Open();
        var read = Assert.Single(again.LoadMeters());
        Assert.Equal((5_000, 140_000, 512), (read.Total.Duration, read.Total.ProcessorWork, read.Total.Hold!.MemoryMegabytes));
        Assert.Equal(new DiskTotals("/a.vhdx", 1, 2, 3, 4, 5), read.Total.Disks[drive]);
        Assert.Equal(99, Assert.Single(read.Total.Traffic.Values).Bytes);
        var mark = Assert.Single(again.LoadCounters()[machine].Marks);
        Assert.Equal(("disk", "g", drive), (mark.Key, mark.Value.Generation, mark.Value.Owner));
        Assert.Equal([1, 2, 3], mark.Value.Values);
        again.Remove(read.Subject);
        again.RemoveCounters(machine);
        Assert.Empty(again.LoadMeters());
        Assert.Empty(again.LoadCounters());
        Assert.Single(again.Periods(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue));
    }

    [Fact]
    public void The_history_has_a_bounded_size()
    {
        using var database = Open();
        for (var hour = 0; hour < 50; hour++)
        {
            var meter = Meter(database, "machine x", DateTimeOffset.UnixEpoch.AddHours(hour));
            database.Save([meter], [], DateTimeOffset.UnixEpoch.AddHours(hour + 1));
            database.Trim(kept: 20);
        }

        var kept = database.Periods(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        Assert.Equal(20, kept.Count);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddHours(30), kept[0].Figures.Since);
        Assert.Equal(5, database.Periods(DateTimeOffset.UnixEpoch.AddHours(40), DateTimeOffset.UnixEpoch.AddHours(45)).Count);
    }

    [Fact]
    [Requirement("RM-4")]
    public void A_power_cut_at_any_write_leaves_figures_counters_and_history_of_one_sample()
    {
        const int Rounds = 40;
        var seed = TestSeed.Next();
        output.WriteLine($"Seed {seed}");
        var random = new Random(seed);
        var machine = Guid.NewGuid();
        var durable = 0;
        using var database = Open();
        var meter = Meter(database, $"machine {machine:D}");
        var (file, log) = (_folder["metering.db"], _folder["metering.db-wal"]);
        for (var round = 1; round <= Rounds; round++)
        {
            var (content, logged) = (Content(file), Content(log));
            meter.Total.Duration = meter.Hour.Duration = round;
            var book = new SourceBook();
            book.Begin([new CounterReading("disk", machine, "g", [round])]);
            database.Save([meter], [(machine, book)], DateTimeOffset.UnixEpoch);

            // What reached the disk of this sample is any part of it.
            Verify(content, Torn(logged, Content(log)), Math.Max(durable, 1), round);
            if (round % 5 == 0)
            {
                (content, logged) = (Content(file), Content(log));
                database.Sync();

                // The log is whole by now, and any part of it has got to its place.
                Verify(Torn(content, Content(file)), logged, round, round);
                durable = round;
            }
        }

        byte[] Torn(byte[] before, byte[] after)
        {
            const int PartBytes = 512;

            // A log that begins anew has its header on the disk before anything else (SQLite, walFrames).
            const int HeaderBytes = 32;
            var torn = after.ToArray();
            for (var at = HeaderBytes; at < torn.Length; at += PartBytes)
            {
                if (random.Next(3) == 0)
                {
                    var part = torn.AsSpan(at, Math.Min(PartBytes, torn.Length - at));
                    part.Clear();
                    before.AsSpan(Math.Min(at, before.Length), Math.Clamp(before.Length - at, 0, part.Length)).CopyTo(part);
                }
            }

            return torn[..random.Next(Math.Min(before.Length, torn.Length), torn.Length + 1)];
        }

        void Verify(byte[] content, byte[] logged, int least, int most)
        {
            using var cut = new TempFolder();
            File.WriteAllBytes(cut["metering.db"], content);
            File.WriteAllBytes(cut["metering.db-wal"], logged);
            using var read = new MeterDatabase(cut["metering.db"]);
            Assert.Null(read.Trouble);
            var meters = read.LoadMeters();
            if (meters.Count == 0 && durable == 0)
            {
                Assert.Empty(read.LoadCounters());
                return;
            }

            var found = Assert.Single(meters).Total.Duration;
            Assert.InRange(found, least, most);
            Assert.Equal([found], read.LoadCounters()[machine].Marks["disk"].Values);
            Assert.Equal(found, Assert.Single(read.Periods(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue)).Figures.Duration);
        }

        static byte[] Content(string path) => File.Exists(path) ? File.ReadAllBytes(path) : [];
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    public void A_damaged_database_is_put_aside(int from)
    {
        using (var first = Open())
        {
            first.Save([Meter(first, "machine x")], [], DateTimeOffset.UnixEpoch);
        }

        var content = File.ReadAllBytes(_folder["metering.db"]);
        content.AsSpan(from).Fill(0xAB);
        File.WriteAllBytes(_folder["metering.db"], content);
        using var second = Open();
        Assert.Contains("damaged", second.Trouble, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllBytes(_folder["metering.db.damaged"]));
        AssertUsable(second);
    }

    [Fact]
    public void A_database_that_has_no_place_is_kept_in_memory()
    {
        Directory.CreateDirectory(_folder["metering.db"]);
        using var database = Open();
        Assert.Contains(_folder["metering.db"], database.Trouble, StringComparison.Ordinal);
        AssertUsable(database);
    }

    [Theory]
    [InlineData("2100000\n", "3400000\n", "", 2100)]
    [InlineData("", "3400000", "model name\t: Intel(R) Xeon(R) CPU @ 2.70GHz\ncpu MHz\t\t: 1200.000", 2700)]
    [InlineData("", "3400000", "model name\t: AMD EPYC 7B13\ncpu MHz\t\t: 2449.998", 3400)]
    [InlineData("", "", "model name\t: AMD EPYC 7B13\ncpu MHz\t\t: 2449.998", 2450)]
    [InlineData("", "", "model name\t: x @ -5GHz\ncpu MHz\t\t: nonsense", 1000)]
    [InlineData("0", "99999999999999", "", 1000)]
    public void The_clock_of_the_processors_is_the_nominal_one(string nominal, string maximum, string list, int megahertz) =>
        Assert.Equal(megahertz, ProcessorClock.Of(nominal, maximum, list));

    private static void AssertUsable(MeterDatabase database)
    {
        database.Save([Meter(database, "machine y")], [], DateTimeOffset.UnixEpoch);
        database.Sync();
        database.Trim();
        Assert.Equal("machine y", Assert.Single(database.LoadMeters()).Subject);
    }

    private static Meter Meter(MeterDatabase database, string subject, DateTimeOffset? since = null)
    {
        var hold = new MeterHold(new MeterInstant("boot", 0), true, 512, null);
        return new Meter
        {
            Subject = subject,
            Name = "web1",
            Total = MeterFigures.Begin(since ?? DateTimeOffset.UnixEpoch, hold),
            Hour = MeterFigures.Begin(since ?? DateTimeOffset.UnixEpoch, hold),
            HourRow = database.NextPeriod(),
        };
    }

    private MeterDatabase Open() => new(_folder["metering.db"]);
}
