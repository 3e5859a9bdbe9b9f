using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Switch.Tests.Support;
using Vireo.Switch.Threads;
using Vireo.Testing;
using Xunit.Abstractions;
using static Vireo.Switch.Tests.Support.Frames;
using static Vireo.Switch.Tests.Support.Packets;

namespace Vireo.Switch.Tests.Pipeline;

/// <summary>
/// The short way of known conversations does just what the long way does: two switches get the same frames, one of which has a stage that keeps
/// it from remembering anything.
/// </summary>
public sealed class FlowTests(ITestOutputHelper output)
{
    private const int Guests = 6;
    private const int Steps = 4000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [Requirement("SW-1")]
    public void Remembered_conversations_go_where_they_would_go_anyway(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var shortcut = new Pair();
        var longWay = new Pair();
        for (var guest = 0; guest < Guests; guest++)
        {
            var asked = Choose(random, guest);
            shortcut.Add(asked, []);
            longWay.Add(asked, [new StageSpecification("PassThrough")]);
        }

        // Few frames that come again and again, with and without a tag.
        var often = Enumerable.Range(0, 24).Select(_ => random.Next(Guests)).Select(from => (From: from, Frame: Make(random, from, strange: false)))
            .SelectMany(one => new[] { one, one with { Frame = Tagged(one.Frame, 7 | (random.Next(2) << 13)) } }).ToArray();
        for (var step = 0; step < Steps; step++)
        {
            switch (random.Next(200))
            {
                case 0:
                    var changed = random.Next(Guests);
                    var asked = Choose(random, changed);
                    shortcut.Change(changed, asked, []);
                    longWay.Change(changed, asked, [new StageSpecification("PassThrough")]);
                    break;
                case < 10:
                    var strange = random.Next(Guests);
                    byte[][] frames = [Make(random, strange, strange: true)];
                    shortcut.Send(strange, frames);
                    longWay.Send(strange, frames);
                    break;
                case < 12:
                    var time = TimeSpan.FromMilliseconds(random.Next(3000));
                    shortcut.Switch.Clock.Advance(time);
                    longWay.Switch.Clock.Advance(time);
                    break;
                default:
                    var chosen = often[random.Next(often.Length)];
                    var run = Enumerable.Repeat(chosen.Frame, random.Next(1, 4)).Concat(often.Where(one => one.From == chosen.From && random.Next(40) == 0).Select(one => one.Frame)).ToArray();
                    shortcut.Send(chosen.From, run);
                    longWay.Send(chosen.From, run);
                    break;
            }

            for (var guest = 0; guest < Guests; guest++)
            {
                Assert.Equal(longWay.Take(guest), shortcut.Take(guest));
            }
        }

        output.WriteLine($"{shortcut.Taken} frames arrived, {shortcut.Switch.Forwarder.FramesKnown} went the short way");
        Assert.True(shortcut.Switch.Forwarder.FramesKnown > 200, $"only {shortcut.Switch.Forwarder.FramesKnown} frames went the short way");
        Assert.Equal(0, longWay.Switch.Forwarder.FramesKnown);
        for (var guest = 0; guest < Guests; guest++)
        {
            Assert.Equal(longWay.Counters(guest), shortcut.Counters(guest));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Requirement("IO-3")]
    public async Task Several_packet_threads_do_just_what_one_does_while_ports_move(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var clock = new ManualClock();
        using var threads = await PacketThreads.StartAsync(3, clock);

        // While all stand still the test does their work, one step after the other.
        await threads.StopAsync(() => Compare(random, new Pair(), new Pair(threads, clock)));
        await threads.StopTimersAsync();

        void Compare(Random random, Pair alone, Pair spread)
        {
            for (var guest = 0; guest < Guests; guest++)
            {
                var asked = Choose(random, guest);
                alone.Add(asked, []);
                spread.Add(asked, []);
            }

            var often = Enumerable.Range(0, 48).Select(_ => random.Next(Guests)).Select(from => (From: from, Frame: Make(random, from, strange: false))).ToArray();
            for (var step = 0; step < Steps; step++)
            {
                switch (random.Next(200))
                {
                    case 0:
                        var changed = random.Next(Guests);
                        var asked = Choose(random, changed);
                        alone.Change(changed, asked, []);
                        spread.Change(changed, asked, []);
                        break;
                    case < 10:
                        var strange = random.Next(Guests);
                        byte[][] frames = [Make(random, strange, strange: true)];
                        alone.Send(strange, frames);
                        spread.Send(strange, frames);
                        break;
                    case < 12:
                        var time = TimeSpan.FromMilliseconds(random.Next(3000));
                        alone.Switch.Clock.Advance(time);
                        spread.Switch.Clock.Advance(time);
                        break;
                    case < 20:
                        spread.Move(random.Next(Guests), random.Next(3));
                        break;
                    default:
                        var chosen = often[random.Next(often.Length)];
                        var run = Enumerable.Repeat(chosen.Frame, random.Next(1, 4)).Concat(often.Where(one => one.From == chosen.From && random.Next(40) == 0).Select(one => one.Frame)).ToArray();
                        alone.Send(chosen.From, run);
                        spread.Send(chosen.From, run);
                        break;
                }

                for (var guest = 0; guest < Guests; guest++)
                {
                    // Who watches gets copies from several threads; those of one batch have no order among them.
                    Assert.Equal(alone.Take(guest).Order(StringComparer.Ordinal), spread.Take(guest).Order(StringComparer.Ordinal));
                }
            }

            var known = threads.All.Sum(thread => thread.Forwarder.FramesKnown);
            output.WriteLine($"{spread.Taken} frames arrived, {known} went the short way, {alone.Switch.Forwarder.FramesKnown} with one thread");
            Assert.True(known > 200, $"only {known} frames went the short way");
            for (var guest = 0; guest < Guests; guest++)
            {
                Assert.Equal(alone.Counters(guest), spread.Counters(guest));
            }
        }
    }

    [Fact]
    [Requirement("SW-6")]
    public void A_changed_rule_holds_for_the_next_frame_of_a_known_conversation()
    {
        var pair = new Pair();
        var allowed = new PortPolicySpecification { Acls = [new(PortAclAction.Deny, PortAclDirection.Both, null, "192.0.2.0/24")] };
        pair.Add((PortVlanMode.Untagged, allowed), []);
        pair.Add((PortVlanMode.Untagged, new PortPolicySpecification()), []);
        byte[][] frames = [Udp(Station(2), Station(1), "10.0.0.1", "10.0.0.2", 1000, 2000)];
        pair.Send(1, [Ethernet(MacAddress.Broadcast, Station(2))]);
        pair.Take(0);
        for (var i = 0; i < 3; i++)
        {
            pair.Send(0, frames);
            Assert.Single(pair.Take(1));
        }

        Assert.Equal(2, pair.Switch.Forwarder.FramesKnown);
        pair.Change(0, (PortVlanMode.Untagged, new PortPolicySpecification { Acls = [new(PortAclAction.Deny, PortAclDirection.Both, null, "10.0.0.2")] }), []);
        pair.Send(0, frames);
        Assert.Empty(pair.Take(1));
    }

    [Fact]
    [Requirement("SW-1")]
    public void Thousands_of_conversations_are_known_at_a_time()
    {
        var pair = new Pair();
        pair.Add((PortVlanMode.Untagged, new PortPolicySpecification()), []);
        pair.Add((PortVlanMode.Untagged, new PortPolicySpecification()), []);
        pair.Send(1, [Ethernet(MacAddress.Broadcast, Station(2))]);
        pair.Take(0);
        const int conversations = 4096;
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < conversations; i++)
            {
                pair.Send(0, [Udp(Station(2), Station(1), "10.0.0.1", "10.0.0.2", i + 1, 2000)]);
                Assert.Single(pair.Take(1));
            }
        }

        // There are four times as many places, in sets of four; only where more than four meet in a set one has to go.
        Assert.InRange(pair.Switch.Forwarder.FramesKnown, conversations * 2 * 95 / 100, conversations * 2);
    }

    private static (PortVlanMode Mode, PortPolicySpecification Policy) Choose(Random random, int guest)
    {
        var mode = guest switch
        {
            0 => PortVlanMode.Trunk,
            1 => PortVlanMode.Untagged,
            _ => random.Next(4) == 0 ? PortVlanMode.Untagged : PortVlanMode.Access,
        };
        return (mode, new PortPolicySpecification
        {
            NativeVlanId = mode == PortVlanMode.Trunk ? random.Next(2) * 7 : 0,
            AllowedVlanIds = mode == PortVlanMode.Trunk ? [7, 8] : null,
            SpoofGuard = random.Next(2) == 0,
            DhcpGuard = random.Next(2) == 0,
            RouterGuard = random.Next(2) == 0,
            PriorityTag = random.Next(2) == 0,
            Mirroring = random.Next(20) == 0 ? PortMirroring.Source : random.Next(12) == 0 ? PortMirroring.Destination : PortMirroring.None,
            StormLimit = random.Next(3) == 0 ? 20 : 0,
            Acls = random.Next(2) == 0
                ? null
                :
                [
                    new(PortAclAction.Deny, PortAclDirection.Both, null, $"10.0.0.{random.Next(1, Guests + 1)}"), new(PortAclAction.Meter, PortAclDirection.Both, null, "10.0.0.0/8"),
                    new(PortAclAction.Allow, PortAclDirection.Outbound, null, Station(random.Next(1, Guests + 1)).ToString()),
                ],
            ExtendedAcls = random.Next(2) == 0
                ? null
                :
                [
                    new(true, PortAclDirection.Outbound, 10, RemotePort: "1-3", Protocol: "UDP", Stateful: true), new(random.Next(2) == 0, PortAclDirection.Inbound, 5, Protocol: "UDP"),
                    new(true, PortAclDirection.Inbound, 6, LocalPort: "2", Protocol: "TCP"),
                ],
        });
    }

    private static byte[] Make(Random random, int guest, bool strange)
    {
        var to = strange && random.Next(4) == 0 ? MacAddress.Broadcast : Station(random.Next(1, Guests + 2));
        var from = Station(strange && random.Next(6) == 0 ? random.Next(1, Guests + 1) : guest + 1);
        var source = $"10.0.0.{guest + 1}";
        var destination = $"10.0.0.{random.Next(1, Guests + 1)}";
        var frame = random.Next(strange ? 0 : 2, strange ? 6 : 12) switch
        {
            0 => Arp(from, source, destination),
            1 => DhcpAnswer(to, from, destination),
            2 => Tcp(to, from, random.Next(40)),
            3 => Udp(to, from, "fd00::1", "fd00::2", random.Next(4), random.Next(4)),
            _ => Udp(to, from, source, destination, random.Next(4), random.Next(4), new byte[random.Next(30)]),
        };
        switch (strange ? random.Next(8) : 8)
        {
            case 0:
                frame[20] = 0x20;
                break;
            case 1:
                frame[14] = 0x46;
                break;
            case 2:
                frame[16] = 0xFF;
                break;
            case 3:
                frame = frame[..random.Next(14, frame.Length)];
                break;
        }

        return strange && random.Next(4) == 0 ? Tagged(frame, random.Next(6, 10) | (random.Next(2) << 13)) : frame;
    }

    private sealed class Pair(PacketThreads? threads = null, ManualClock? clock = null)
    {
        private readonly List<(InMemoryPort End, PortState Port)> _ports = [];

        public TestSwitch Switch { get; } = new(threads: threads, clock: clock);

        public int Taken { get; private set; }

        public void Add((PortVlanMode Mode, PortPolicySpecification Policy) asked, StageSpecification[] stages) => _ports.Add(Switch.AddPort(Compile(_ports.Count, asked, stages, null)));

        public void Change(int guest, (PortVlanMode Mode, PortPolicySpecification Policy) asked, StageSpecification[] stages)
        {
            var port = _ports[guest].Port;
            port.Policy = Compile(guest, asked, stages, port.Policy);
            Switch.Switch.PoliciesChanged();
        }

        public void Move(int guest, int thread) => PacketThreads.Move(_ports[guest].Port, threads!.All[thread]);

        public void Send(int guest, byte[][] frames)
        {
            foreach (var frame in frames)
            {
                _ports[guest].Port.Carrier!.Ingress.Add(frame);
            }

            _ports[guest].End.InjectBatch();
            threads?.EmptyRings();
        }

        public List<string> Take(int guest)
        {
            List<string> taken = [];
            while (_ports[guest].End.TryTake() is { } frame)
            {
                taken.Add(Convert.ToHexString(frame));
            }

            Taken += taken.Count;
            return taken;
        }

        public string Counters(int guest)
        {
            var port = _ports[guest].Port;
            var rules = port.Policy.Stages.OfType<AclStage>().SelectMany(stage => stage.Counters).Select(pair => $"{pair.Key}: {pair.Value.Frames} {pair.Value.Bytes}").Order(StringComparer.Ordinal);
            var dropped = DropReason.Names.Select((name, id) => $"{name} {port.Dropped[id]}");
            return string.Join("\n", [$"{port.FramesIn} {port.BytesIn} {port.FramesOut} {port.BytesOut}", .. rules, .. dropped]);
        }

        private PortPolicy Compile(int guest, (PortVlanMode Mode, PortPolicySpecification Policy) asked, StageSpecification[] stages, PortPolicy? previous)
        {
            var settings = new PortSettings(asked.Mode, asked.Mode == PortVlanMode.Access ? 7 : 0, stages, asked.Policy, Station(guest + 1));
            Assert.Empty(Switch.Compiler.Validate(settings));
            return Switch.Compiler.Compile(settings, previous);
        }
    }
}
