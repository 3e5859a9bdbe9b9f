using Vireo.Host.Machines.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Host.Tests.Memory;

/// <summary>The balancer's policy, against guests that follow what they are asked with delay, and against chance.</summary>
public sealed class MemoryPolicyTests(ITestOutputHelper output)
{
    private const long Megabyte = 1 << 20;
    private const long Gigabyte = 1 << 30;

    [Fact]
    [Requirement("DM-1")]
    public void Whatever_is_observed_no_promise_breaks_the_limits()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 20_000; round++)
        {
            var guests = Enumerable.Range(0, random.Next(1, 12)).Select(_ => AnyGuest(random)).ToList();
            var promised = guests.Sum(guest => guest.Committed);
            var budget = promised + random.NextInt64(-4 * Gigabyte, 4 * Gigabyte);
            var next = MemoryPolicy.Next(budget, guests);
            foreach (var guest in guests)
            {
                var target = next[guest.Id];
                Assert.InRange(target, guest.Minimum, Math.Max(guest.Target, guest.Maximum));
            }

            // Who is over the budget already is never over it by more; who is within it stays there.
            var committed = guests.Sum(guest => Math.Max(guest.Assigned, next[guest.Id]));
            Assert.True(committed <= Math.Max(budget, promised), $"{committed} of {budget}, {promised} before: {string.Join(' ', guests)}");
            Assert.True(committed <= promised || committed <= budget);
        }
    }

    [Fact]
    [Requirement("DM-1")]
    [Requirement("DM-2")]
    public void Memory_is_shared_by_weight_where_it_is_scarce()
    {
        var guests = new[] { Guest(weight: 100), Guest(weight: 50), Guest(weight: 25), Guest(weight: 25, demand: 300) };
        var host = new Simulation(4000 * Megabyte, guests);
        host.Run(100);
        var targets = host.Targets;
        output.WriteLine(string.Join(' ', targets.Select(target => target / Megabyte)));

        // The small one has what it needs, the others what is left above their minimum of 100 MB: 100 to 50 to 25.
        Assert.InRange(targets[3], 300 * Megabyte, 400 * Megabyte);
        Assert.InRange((targets[0] - (100.0 * Megabyte)) / (targets[1] - (100 * Megabyte)), 1.9, 2.1);
        Assert.InRange((targets[1] - (100.0 * Megabyte)) / (targets[2] - (100 * Megabyte)), 1.9, 2.1);
        Assert.InRange(targets.Sum(), 3800 * Megabyte, 4000 * Megabyte);

        static SimulatedGuest Guest(int weight, long demand = 5000) => new(100 * Megabyte, 6 * Gigabyte, 1000 * Megabyte, weight, 20, demand * Megabyte);
    }

    [Fact]
    [Requirement("DM-2")]
    public void An_idle_guest_gives_back_what_it_had_to_start_with_and_keeps_its_buffer()
    {
        var guest = new SimulatedGuest(512 * Megabyte, 4 * Gigabyte, 2 * Gigabyte, 50, 20, 600 * Megabyte);
        var host = new Simulation(8 * Gigabyte, [guest]);
        host.Run(60);
        Assert.InRange(host.Targets[0], 720 * Megabyte, 800 * Megabyte);
        guest.Uses = 100 * Megabyte;
        host.Run(120);
        Assert.InRange(host.Targets[0], 512 * Megabyte, 580 * Megabyte);
        guest.Uses = 3 * Gigabyte;
        host.Run(60);
        Assert.InRange(host.Targets[0], 3600 * Megabyte, 3700 * Megabyte);
    }

    [Fact]
    [Requirement("DM-1")]
    public void A_guest_gets_another_ones_memory_only_after_that_gave_it_back()
    {
        var slow = new SimulatedGuest(256 * Megabyte, 4 * Gigabyte, 3 * Gigabyte, 50, 20, 500 * Megabyte) { BytesPerRound = 20 * Megabyte };
        var hungry = new SimulatedGuest(256 * Megabyte, 4 * Gigabyte, 1 * Gigabyte, 50, 20, 3 * Gigabyte);
        var host = new Simulation(4 * Gigabyte, [slow, hungry]);
        host.Run(200);
        Assert.InRange(host.Targets[1], 3 * Gigabyte, 4 * Gigabyte);
    }

    [Fact]
    [Requirement("DM-1")]
    public void Random_hosts_come_to_rest_and_never_promise_what_they_do_not_have() => RunRandomHosts(100);

    [Fact]
    [Trait("Category", "Long")]
    [Requirement("DM-1")]
    public void Many_random_hosts_come_to_rest_and_never_promise_what_they_do_not_have() => RunRandomHosts(5000);

    private void RunRandomHosts(int hosts)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < hosts; round++)
        {
            var guests = Enumerable.Range(0, random.Next(1, 10)).Select(_ => AnySimulated(random)).ToArray();
            var startup = guests.Sum(guest => guest.Assigned);
            var host = new Simulation(startup + random.NextInt64(0, startup), guests);
            for (var step = 0; step < 4; step++)
            {
                foreach (var guest in guests)
                {
                    guest.Uses = random.NextInt64(16 * Megabyte, 3 * Gigabyte);
                }

                // Memory moves with whatever speed guests have; then nothing may move any more, though demands tremble by two percent.
                host.Run(300);
                var rest = host.Targets;
                var moves = host.Run(100, random);
                Assert.True(moves <= 6 * guests.Length, $"round {round}: {moves} moves of {guests.Length} guests at rest:\n{string.Join(' ', rest)} became\n{host.Describe()}");
            }
        }
    }

    [Fact]
    public void A_budget_below_the_minimums_takes_nobodys_minimum()
    {
        var guests = Enumerable.Range(0, 4).Select(_ => new GuestMemory(Guid.NewGuid(), Gigabyte, 4 * Gigabyte, 50, 20, 2 * Gigabyte, 2 * Gigabyte, 3 * Gigabyte)).ToList();
        Assert.All(MemoryPolicy.Next(Gigabyte, guests).Values, target => Assert.Equal(Gigabyte, target));
        Assert.All(MemoryPolicy.Next(-Gigabyte, guests).Values, target => Assert.Equal(Gigabyte, target));
    }

    [Fact]
    [Requirement("DM-5")]
    public void The_status_tells_how_much_of_the_buffer_is_there()
    {
        Assert.Equal("OK", MemoryStatusText.Of(1200, 1000, 20));
        Assert.Equal("OK", MemoryStatusText.Of(1100, 1000, 20));
        Assert.Equal("Low", MemoryStatusText.Of(1090, 1000, 20));
        Assert.Equal("Warning", MemoryStatusText.Of(1010, 1000, 20));
        Assert.Equal("Warning", MemoryStatusText.Of(900, 1000, 20));
    }

    [Fact]
    public void What_a_guest_says_is_bounded_by_what_it_has()
    {
        Assert.Equal(0, DemandEstimate.Next(null, 1000, long.MaxValue, 0));
        Assert.Equal(2000, DemandEstimate.Next(null, 1000, -5, long.MaxValue));
        Assert.Equal(900, DemandEstimate.Next(800, 1000, 100, 0));
        Assert.Equal(775, DemandEstimate.Next(800, 1000, 300, 0));
        Assert.Equal(800, DemandEstimate.Next(800, 1000, 180, 0));
        Assert.Equal(800, DemandEstimate.Next(800, 1000, 224, 0));
    }

    private static GuestMemory AnyGuest(Random random)
    {
        var minimum = Steps(random, 16, 1024);
        var maximum = minimum + Steps(random, 0, 4096);
        return new(
            Guid.NewGuid(), minimum, maximum, random.Next(0, 101), random.Next(5, 300), random.NextInt64(0, maximum + Gigabyte),
            minimum + Math.Min(maximum - minimum, Steps(random, 0, 4096)), random.Next(5) == 0 ? null : random.NextInt64(0, random.Next(2) == 0 ? 4 * Gigabyte : long.MaxValue / 8));
    }

    private static SimulatedGuest AnySimulated(Random random)
    {
        var minimum = Steps(random, 16, 256);
        var startup = minimum + Steps(random, 0, 512);
        return new(minimum, startup + Steps(random, 0, 2048), startup, random.Next(0, 101), random.Next(5, 100), 0) { BytesPerRound = random.NextInt64(64, 2048) * Megabyte };
    }

    private static long Steps(Random random, int least, int most) => random.Next(least, most + 1) * MemoryPolicy.Step;

    /// <summary>A guest that uses memory, and takes and gives it as fast as it can.</summary>
    private sealed class SimulatedGuest(long minimum, long maximum, long startup, int weight, int buffer, long uses)
    {
        private readonly Guid _id = Guid.NewGuid();
        private long? _demand;

        public long Assigned { get; private set; } = startup;

        public long Target { get; private set; } = startup;

        public long Uses { get; set; } = uses;

        public long BytesPerRound { get; init; } = 512 * Megabyte;

        public GuestMemory Observe(Random? tremble)
        {
            var uses = Math.Min(Assigned, tremble is null ? Uses : (long)(Uses * (0.98 + (tremble.NextDouble() * 0.04))));

            // What does not fit is in the guest's swap: it reads and writes there.
            var swaps = Math.Min(Math.Max(0, Uses - Assigned), Assigned);
            _demand = DemandEstimate.Next(_demand, Assigned, Assigned - uses, swaps);
            return new(_id, minimum, maximum, weight, buffer, Assigned, Target, _demand);
        }

        public bool Ask(IReadOnlyDictionary<Guid, long> targets)
        {
            var moved = targets[_id] != Target;
            Target = targets[_id];
            Assigned += Math.Clamp(Target - Assigned, -BytesPerRound, BytesPerRound);
            return moved;
        }
    }

    private sealed class Simulation(long budget, SimulatedGuest[] guests)
    {
        private readonly Queue<string> _last = new();

        /// <summary>The last rounds, for the message of a failed test.</summary>
        public string Describe() => $"budget {budget}\n{string.Join('\n', _last)}";

        public long[] Targets => [.. guests.Select(guest => guest.Target)];

        /// <summary>Runs rounds; returns how often a guest was asked for something else.</summary>
        public int Run(int rounds, Random? tremble = null)
        {
            var moves = 0;
            for (var round = 0; round < rounds; round++)
            {
                GuestMemory[] observed = [.. guests.Select(guest => guest.Observe(tremble))];
                var next = MemoryPolicy.Next(budget, observed);
                _last.Enqueue(string.Join('\n', observed.Select(guest => $"{guest} -> {next[guest.Id]}")));
                if (_last.Count > 6)
                {
                    _last.Dequeue();
                }

                moves += guests.Count(guest => guest.Ask(next));
                Assert.True(guests.Sum(guest => Math.Max(guest.Assigned, guest.Target)) <= budget, $"{string.Join(' ', Targets)} of {budget}");
            }

            return moves;
        }
    }
}
