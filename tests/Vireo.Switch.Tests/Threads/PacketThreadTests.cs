using System.Collections.Concurrent;
using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Stages;
using Vireo.Switch.Tests.Support;
using Vireo.Switch.Threads;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Switch.Tests.Threads;

/// <summary>Several packet threads under load, while ports move, policies change and ports come and go.</summary>
public sealed class PacketThreadTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    [Fact]
    [Requirement("IO-3")]
    public async Task A_port_that_moves_again_and_again_loses_and_reorders_nothing()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        await using var lab = await Lab.StartAsync(threads: 3, ports: 6, seed);
        await lab.BeginAsync();
        for (var move = 0; move < 150; move++)
        {
            await lab.MoveAsync();
        }

        await lab.EndAsync();
        output.WriteLine($"{lab.Sent} frames sent, {lab.Known} the short way, {lab.Moved} moves");
        lab.AssertExact();
        Assert.True(lab.Known > lab.Sent / 10, $"only {lab.Known} of {lab.Sent} frames were of known conversations");
    }

    [Fact]
    [Requirement("IO-3")]
    [Requirement("SW-1")]
    public async Task Changes_of_policies_and_ports_that_come_and_go_harm_nobody_else()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        await using var lab = await Lab.StartAsync(threads: 3, ports: 6, seed);
        await lab.BeginAsync();
        for (var change = 0; change < 60; change++)
        {
            await lab.ChangeAsync();
        }

        await lab.EndAsync();
        output.WriteLine($"{lab.Sent} frames sent, {lab.Known} the short way, {lab.Moved} moves");
        lab.AssertExact();
    }

    [Fact]
    [Requirement("IO-3")]
    public async Task Frames_cross_over_without_an_allocation()
    {
        await using var lab = await Lab.StartAsync(threads: 2, ports: 4, seed: 1);
        await lab.SpreadAsync();
        await lab.BeginAsync();
        await lab.AwaitFramesAsync(20_000);

        // A thread that had no turn yet makes its tables when it has its first frames; frames that cost memory would do so in every round.
        var allocated = long.MaxValue;
        for (var round = 0; round < 5 && allocated >= 50_000; round++)
        {
            var before = await lab.AllocatedAsync();
            await lab.AwaitFramesAsync(50_000);
            allocated = await lab.AllocatedAsync() - before;
            output.WriteLine($"{allocated} bytes for more than 50,000 frames, the questions included");
        }

        await lab.EndAsync();
        lab.AssertExact();
        Assert.True(allocated < 50_000, $"{allocated} bytes were allocated");
    }

    /// <summary>Ports that send to one another, two of them to all; and one that comes and goes.</summary>
    private sealed class Lab : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _faults = new();
        private readonly Random _random;
        private readonly PacketThreads _threads;
        private readonly PolicyCompiler _compiler;
        private readonly SwitchState _home;
        private readonly List<(StreamPort End, PortState Port)> _ports = [];
        private (StreamPort End, PortState Port)? _guest;

        private Lab(PacketThreads threads, TimeProvider clock, int seed)
        {
            _random = new Random(seed);
            _threads = threads;
            _compiler = new PolicyCompiler(new StageCatalog(clock), clock);
            _home = new SwitchState(Guid.NewGuid(), new MacTable(1024, 300, 0x1234_5678_9ABC_DEF1), threads: threads.All.Count);
        }

        public long Sent => _ports.Sum(port => port.End.Sent);

        public long Received => _ports.Sum(port => port.End.Received);

        public long Known => _threads.All.Sum(thread => thread.Forwarder.FramesKnown);

        public int Moved { get; private set; }

        public static async Task<Lab> StartAsync(int threads, int ports, int seed)
        {
            // A hundred seconds pass in one, so that conversations are forgotten and found again all the time.
            var clock = new FastClock(100);
            var lab = new Lab(await PacketThreads.StartAsync(threads, clock), clock, seed);
            for (var number = 1; number <= ports; number++)
            {
                lab._ports.Add(await lab.AddAsync(number));
            }

            foreach (var (end, _) in lab._ports)
            {
                for (var stream = 0; stream < 8; stream++)
                {
                    end.AddStream(1 + ((end.Number + (stream % (ports - 1))) % ports));
                }
            }

            lab._ports[0].End.AddStream(0, ports - 1);
            lab._ports[1].End.AddStream(0, ports - 1);
            return lab;
        }

        public Task BeginAsync() => _threads.StopAsync(() => _ports.ForEach(port => port.End.Begin()));

        public Task SpreadAsync() => _threads.MoveAsync([.. _ports.Select((port, place) => (port.Port, _threads.All[place % _threads.All.Count]))]);

        public async Task MoveAsync()
        {
            await AwaitFramesAsync(_random.Next(200));
            var count = _random.Next(1, 4);
            await _threads.MoveAsync([.. Enumerable.Range(0, count).Select(_ => (_ports[_random.Next(_ports.Count)].Port, _threads.All[_random.Next(_threads.All.Count)]))]);
            Moved += count;
        }

        /// <summary>Does one thing that an administrator may do.</summary>
        public async Task ChangeAsync()
        {
            switch (_random.Next(4))
            {
                case 0:
                    var (_, port) = _ports[_random.Next(_ports.Count)];
                    port.Policy = _compiler.Compile(Settings(port == _ports[0].Port ? 1 : 2), port.Policy);
                    await _threads.StopAsync(_home.PoliciesChanged);
                    await AwaitFramesAsync(_random.Next(200));
                    break;
                case 1 when _guest is null:
                    // Nobody's frames but its own may be lost.
                    var guest = await AddAsync(_ports.Count + 1, isGuest: true);
                    for (var to = 1; to <= _ports.Count; to++)
                    {
                        guest.End.AddStream(to);
                    }

                    _guest = guest;
                    await _threads.MoveAsync([(guest.Port, _threads.All[_random.Next(_threads.All.Count)])]);
                    await _threads.StopAsync(guest.End.Begin);
                    break;
                case 2 when _guest is { } leaving:
                    await _threads.StopAsync(() =>
                    {
                        _home.Remove(leaving.Port);
                        leaving.End.Stop();
                        _ports.ForEach(one => one.End.Forget(leaving.End.Number));
                    });
                    await _threads.ForgetAsync(leaving.Port);
                    _guest = null;
                    break;
                default:
                    await MoveAsync();
                    break;
            }
        }

        public async Task AwaitFramesAsync(int more)
        {
            var goal = Received + more;
            using var patience = new CancellationTokenSource(s_patience);
            while (Received < goal && _faults.IsEmpty)
            {
                patience.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }

        public async Task<long> AllocatedAsync()
        {
            long sum = 0;
            foreach (var thread in _threads.All)
            {
                sum += await thread.Reactor.InvokeAsync(GC.GetAllocatedBytesForCurrentThread);
            }

            return sum;
        }

        /// <summary>Stops sending and waits for what is on its way.</summary>
        public async Task EndAsync()
        {
            _ports.ForEach(port => port.End.End());
            _guest?.End.End();

            // Whoever is in the middle of a batch has finished it then, and the rings are empty.
            await _threads.StopAsync(() => { });
        }

        public void AssertExact()
        {
            Assert.Empty(_faults);
            Assert.All(_ports, port => Assert.True(port.End.IsQuiet, $"frames of port {port.End.Number} are missing"));
            foreach (var (end, port) in _ports)
            {
                Assert.Equal(end.Sent, port.FramesIn);
                Assert.Equal(end.Received + end.Others, port.FramesOut);
                Assert.Equal(0, port.RefusedCrossings);
                Assert.All(port.Dropped, count => Assert.Equal(0, count));
            }

            Assert.Equal(_ports.Sum(port => port.End.SentCopies), Received);
        }

        public async ValueTask DisposeAsync()
        {
            await _threads.StopAsync(() =>
            {
                foreach (var (end, _) in _ports)
                {
                    end.Stop();
                }

                _guest?.End.Stop();
            });
            await _threads.StopTimersAsync();
            _threads.Dispose();
        }

        private async Task<(StreamPort End, PortState Port)> AddAsync(int number, bool isGuest = false)
        {
            var end = new StreamPort(number, _threads.NewSeat(), _faults) { PortOf = from => from <= _ports.Count ? _ports[from - 1].End : _guest!.Value.End, IsGuest = isGuest };
            var port = new PortState(Guid.NewGuid(), _compiler.Compile(Settings(number), null), end);
            await _threads.StopAsync(() =>
            {
                _home.Add(port);
                end.Start(port, _threads.First.Forwarder);
            });
            return (end, port);
        }

        private PortSettings Settings(int number)
        {
            // What passes everything in more than one way: rules that count, and none at all.
            PortAclSpecification[]? rules = _random.Next(3) == 0 ? null : [new(PortAclAction.Meter, PortAclDirection.Both, null, "10.0.0.0/8"), new(PortAclAction.Deny, PortAclDirection.Both, null, $"192.0.2.{number}")];
            return new PortSettings(PortVlanMode.Untagged, 0, [], new PortPolicySpecification { Acls = rules, DhcpGuard = _random.Next(2) == 0 }, Frames.Station(number));
        }
    }

    /// <summary>The machine's clock, faster.</summary>
    private sealed class FastClock(int times) : TimeProvider
    {
        public override long GetTimestamp() => TimeProvider.System.GetTimestamp() * times;
    }
}
