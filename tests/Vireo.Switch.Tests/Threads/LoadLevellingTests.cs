using Vireo.Switch.Pipeline;
using Vireo.Switch.Plane;
using Vireo.Switch.Ports;
using Vireo.Switch.Threads;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Switch.Tests.Threads;

public sealed class LoadLevellingTests(ITestOutputHelper output)
{
    [Fact]
    [Requirement("IO-3")]
    public void A_busy_thread_gives_away_what_levels_it_best()
    {
        PortLoad[] ports = [Port(0, 0.5), Port(0, 0.3), Port(0, 0.15), Port(1, 0.1)];
        var (port, to) = Assert.Single(LoadLevelling.Choose(ports, 2));
        Assert.Same(ports[0].Port, port);
        Assert.Equal(1, to);
    }

    [Fact]
    [Requirement("IO-3")]
    public void What_gains_nothing_what_has_just_moved_and_what_has_no_weight_stays()
    {
        Assert.Empty(LoadLevelling.Choose([Port(0, 1.0)], 4));
        Assert.Empty(LoadLevelling.Choose([Port(0, 0.5), Port(0, 0.3), Port(1, 0.3)], 2));
        Assert.Empty(LoadLevelling.Choose([Port(0, 0.5, hasRested: false), Port(0, 0.45, hasRested: false)], 2));
        Assert.Empty(LoadLevelling.Choose([Port(0, 0.5, weight: 0), Port(0, 0.45, weight: 0)], 2));
        PortLoad[] ports = [Port(0, 0.45, weight: 10), Port(0, 0.45, weight: 90)];
        Assert.Same(ports[1].Port, Assert.Single(LoadLevelling.Choose(ports, 2)).Port);
    }

    [Fact]
    [Requirement("IO-3")]
    public void A_thread_with_little_to_do_gives_all_away_and_a_port_that_lost_its_weight_goes_home()
    {
        PortLoad[] ports = [Port(0, 0.2), Port(1, 0.1), Port(1, 0.0)];
        Assert.Equal([(ports[1].Port, 0), (ports[2].Port, 0)], LoadLevelling.Choose(ports, 2));
        Assert.Empty(LoadLevelling.Choose([Port(0, 0.4), Port(1, 0.3)], 2));
        PortLoad[] without = [Port(0, 0.7), Port(1, 0.7, weight: 0)];
        Assert.Equal([(without[1].Port, 0)], LoadLevelling.Choose(without, 2).Where(move => move.To == 0));
    }

    [Fact]
    [Requirement("IO-3")]
    public void Any_load_comes_to_rest()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (var round = 0; round < 100; round++)
        {
            var threads = random.Next(2, 9);
            var ports = Enumerable.Range(0, random.Next(1, 40)).Select(_ => Port(random.Next(threads), random.NextDouble() / 5, random.Next(3) == 0 ? 0 : 100)).ToList();
            var steps = 0;
            while (LoadLevelling.Choose(ports, threads) is { Count: > 0 } moves)
            {
                foreach (var (port, to) in moves)
                {
                    var place = ports.FindIndex(one => one.Port == port);
                    ports[place] = ports[place] with { Thread = to };
                }

                Assert.True(++steps < 200, "ports move for ever");
            }

            Assert.All(ports.Where(port => port.Weight == 0), port => Assert.Equal(0, port.Thread));
        }
    }

    [Theory]
    [InlineData("", null, null, null)]
    [InlineData("--root /x --packet-threads 3", null, "/x", 3)]
    [InlineData("--packet-threads 2", "4", null, 2)]
    [InlineData("--root /x", "4", "/x", 4)]
    [Requirement("IO-3")]
    public void The_number_of_threads_can_be_told(string line, string? variable, string? root, int? threads)
    {
        Assert.True(PlaneArguments.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), variable, out var foundRoot, out var found));
        Assert.Equal((root, threads), (foundRoot, found));
        Assert.False(PlaneArguments.TryParse(["--packet-threads", "0"], null, out _, out _));
        Assert.False(PlaneArguments.TryParse(["--packet-threads"], null, out _, out _));
        Assert.False(PlaneArguments.TryParse([], "many", out _, out _));
    }

    private static PortLoad Port(int thread, double load, int weight = 100, bool hasRested = true) =>
        new(new PortState(Guid.NewGuid(), PortPolicy.Uplink, new InMemoryPort(1)), thread, load, weight, hasRested);
}
