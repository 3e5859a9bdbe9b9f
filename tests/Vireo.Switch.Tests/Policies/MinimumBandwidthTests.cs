using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Policies;

/// <summary>While senders want more than a receiver takes each gets its share; otherwise nobody waits. Time is the tests' own.</summary>
public sealed class MinimumBandwidthTests
{
    private const long Link = 1_000_000_000;
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(1);
    private readonly TestSwitch _switch = new();

    [Theory]
    [InlineData(true, 1500)]
    [InlineData(false, 1500)]
    [InlineData(true, 200)]
    [Requirement("QS-2")]
    public void Weights_of_1_2_and_5_share_a_full_receiver_within_two_percent(bool hasLinkSpeed, int frameBytes)
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (receiver, port) = AddReceiver(hasLinkSpeed ? Link : 0);
        var senders = new[] { 1, 2, 5 }.Select((weight, i) => new Sender(this, i + 1, new PortPolicySpecification { MinimumBandwidthWeight = weight }, frameBytes)).ToArray();

        // Everybody sends more than the share of the one with most.
        var each = hasLinkSpeed ? Link / 4 * 3 : Link / 4;

        // What fills the receiver's own queue at the beginning came when there was room for all.
        Run(TimeSpan.FromMilliseconds(50), receiver, port, senders, each);
        receiver.Forget();
        Run(TimeSpan.FromSeconds(1), receiver, port, senders, each);
        AssertShares(receiver, senders, 1, 2, 5);
    }

    [Fact]
    [Requirement("QS-2")]
    public void Sixty_four_adapters_get_what_their_weights_say_whatever_the_lengths_of_their_frames()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (receiver, port) = AddReceiver(Link * 10);
        var weights = Enumerable.Range(0, 64).Select(i => (i % 4) + 1).ToArray();
        var senders = weights.Select((weight, i) => new Sender(this, i + 1, new PortPolicySpecification { MinimumBandwidthWeight = weight }, i % 3 == 0 ? 9000 : 1500)).ToArray();
        // The greatest share is 250 Mbit/s.
        Run(TimeSpan.FromSeconds(1), receiver, port, senders, Link / 3);
        AssertShares(receiver, senders, [.. weights.Select(weight => (double)weight)]);
    }

    [Fact]
    [Requirement("QS-2")]
    public void A_reservation_in_bits_is_kept_against_a_crowd_and_the_rest_is_the_crowds()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Absolute, 0);
        var (receiver, port) = AddReceiver(Link);
        Sender[] senders =
        [
            new(this, 1, new PortPolicySpecification { MinimumBandwidthAbsolute = 600_000_000 }, 1500),
            new(this, 2, new PortPolicySpecification { MinimumBandwidthAbsolute = 300_000_000 }, 1500),
            .. Enumerable.Range(3, 10).Select(i => new Sender(this, i, new PortPolicySpecification(), 1500)),
        ];
        Run(TimeSpan.FromSeconds(1), receiver, port, senders, Link);
        var others = senders[2..].Sum(sender => receiver.Bytes(sender.Number));
        Assert.InRange(receiver.Bytes(1) / (double)receiver.Total, 0.6 * 0.98, 0.6 * 1.02);
        Assert.InRange(receiver.Bytes(2) / (double)receiver.Total, 0.3 * 0.98, 0.3 * 1.02);
        Assert.InRange(others / (double)receiver.Total, 0.1 * 0.98, 0.1 * 1.02);
    }

    [Fact]
    [Requirement("QS-3")]
    public void Adapters_without_a_minimum_share_one_bucket_with_its_own_weight()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 3);
        var (receiver, port) = AddReceiver(Link);
        Sender[] senders =
        [
            new(this, 1, new PortPolicySpecification { MinimumBandwidthWeight = 1 }, 1500),
            .. Enumerable.Range(2, 5).Select(i => new Sender(this, i, new PortPolicySpecification(), 1500)),
        ];
        Run(TimeSpan.FromSeconds(1), receiver, port, senders, Link);
        Assert.InRange(receiver.Bytes(1) / (double)receiver.Total, 0.25 * 0.98, 0.25 * 1.02);
    }

    [Fact]
    [Requirement("QS-2")]
    public void What_one_does_not_use_the_others_have_within_ten_milliseconds()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (receiver, port) = AddReceiver(Link);
        var big = new Sender(this, 1, new PortPolicySpecification { MinimumBandwidthWeight = 90 }, 1500);
        var small = new Sender(this, 2, new PortPolicySpecification { MinimumBandwidthWeight = 10 }, 1500);
        Run(TimeSpan.FromMilliseconds(500), receiver, port, [big, small], Link);
        Run(TimeSpan.FromMilliseconds(10), receiver, port, [small], Link);
        receiver.Forget();
        Run(TimeSpan.FromMilliseconds(10), receiver, port, [small], Link);
        Assert.InRange(receiver.Bytes(2) * 8 / (Link / 100.0), 0.95, 1.05);

        // And it comes back as fast as it went.
        receiver.Forget();
        Run(TimeSpan.FromMilliseconds(20), receiver, port, [big, small], Link);
        Assert.InRange(receiver.Bytes(1) / (double)receiver.Total, 0.85, 0.95);
    }

    [Fact]
    [Requirement("QS-2")]
    public void Nothing_waits_while_there_is_room_and_order_tags_and_offloads_survive_waiting()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (end, uplink) = AddReceiver(100_000_000, PortPolicy.Uplink);
        var (a, _) = _switch.AddGuest(1, new PortPolicySpecification { MinimumBandwidthWeight = 5 }, PortVlanMode.Access, 7);
        end.Port.Offered = new(Checksum: true, Tcp4: true, false, false);
        var whole = Tcp(Station(99), Station(1), 60_000, partial: true);
        var offload = new FrameOffload(true, 34, 16, SegmentationKind.Tcp4, 1400);
        Teach(end.Port, 99, vlan: 7);
        a.Inject(whole, offload);
        Assert.Equal(Tagged(whole, 7), end.Port.TryTake());
        for (byte i = 0; i < 10; i++)
        {
            whole[^1] = i;
            a.Inject(whole, offload);
        }

        List<byte> order = [];
        for (var ms = 0; ms < 100; ms++)
        {
            while (end.Port.TryTake() is { } frame)
            {
                Assert.Equal(Tagged([.. whole[..^1], frame[^1]], 7), frame);
                order.Add(frame[^1]);
            }

            _switch.Clock.Advance(s_step);
            _switch.Forwarder.Tick(uplink);
        }

        Assert.Equal([0, 1, 2, 3], order[..4]);
        Assert.Equal(order.Order(), order);
        Assert.Equal(order.Count, 10 - GuardTests.Dropped(uplink, "QueueFull"));
        Assert.Equal(long.MaxValue, _switch.Forwarder.Tick(uplink));
    }

    [Fact]
    [Requirement("QS-2")]
    public void A_receiver_that_leaves_or_a_switch_that_shares_no_more_keeps_no_frame_back()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (receiver, port) = AddReceiver(0);
        var sender = new Sender(this, 1, new PortPolicySpecification { MinimumBandwidthWeight = 5 }, 1500);
        for (var i = 0; i < 300; i++)
        {
            sender.End.Inject(sender.Frame);
        }

        Assert.Equal(0, GuardTests.Dropped(port, "QueueFull"));
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.None, 0);
        var first = receiver.Port.Drain();
        Assert.InRange(first, 1, 299);
        _switch.Clock.Advance(s_step);
        _switch.Forwarder.Tick(port);
        Assert.Equal(300 - first, receiver.Port.Drain());

        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        for (var i = 0; i < 300; i++)
        {
            sender.End.Inject(sender.Frame);
        }

        _switch.Switch.Remove(port);
        Assert.Equal(long.MaxValue, _switch.Forwarder.Tick(port));
    }

    [Fact]
    [Requirement("QS-6")]
    public void Frames_that_wait_long_are_marked_for_ends_that_understand_it_and_stay_valid()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (receiver, port) = AddReceiver(Link / 100, new PortPolicy([], VlanSet.All) { MarkAboveBytes = 20_000 });
        var (a, _) = _switch.AddGuest(1, new PortPolicySpecification { MinimumBandwidthWeight = 5, EcnThreshold = 0 });
        Dictionary<(bool IPv6, int Ecn), int> seen = [];
        foreach (var ipv6 in new[] { false, true })
        {
            for (var i = 0; i < 240; i++)
            {
                var ecn = i % 3;
                a.Inject(Packets.WithEcn(Tcp(Station(99), Station(1), 1000, ipv6), ecn));
            }

            for (var ms = 0; ms < 400; ms++)
            {
                while (receiver.Port.TryTake() is { } frame)
                {
                    Packets.AssertSoundIp(frame);
                    seen[(ipv6, Packets.EcnOf(frame))] = seen.GetValueOrDefault((ipv6, Packets.EcnOf(frame))) + 1;
                }

                _switch.Clock.Advance(s_step);
                _switch.Forwarder.Tick(port);
            }
        }

        foreach (var ipv6 in new[] { false, true })
        {
            // A third never understands it and is never marked; of the others the first ones, which found the queue short, are not.
            Assert.Equal(80, seen[(ipv6, 0)]);
            Assert.InRange(seen[(ipv6, 3)], 50, 150);
            Assert.Equal(160, seen[(ipv6, 1)] + seen[(ipv6, 2)] + seen[(ipv6, 3)]);
        }
    }

    private (Receiver Receiver, PortState Port) AddReceiver(long link, PortPolicy? policy = null)
    {
        var (end, port) = _switch.AddPort(policy ?? _switch.Compiler.Compile(new PortSettings(PortVlanMode.Untagged, 0, []), null));
        end.Speed = link;
        Teach(end, 99);
        return (new Receiver(end), port);
    }

    private static void Teach(InMemoryPort end, int station, int vlan = 0)
    {
        var hello = Ethernet(MacAddress.Broadcast, Station(station));
        end.Inject(vlan == 0 ? hello : Tagged(hello, vlan));
    }

    /// <summary>Everybody sends <paramref name="bitsPerSecond"/>; a receiver without a speed is emptied as fast as the link of the tests.</summary>
    private void Run(TimeSpan time, Receiver receiver, PortState port, IReadOnlyList<Sender> senders, long bitsPerSecond)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += s_step)
        {
            foreach (var sender in senders)
            {
                for (sender.Credit += bitsPerSecond / 8.0 * s_step.TotalSeconds; sender.Credit > 0; sender.Credit -= sender.Frame.Length)
                {
                    sender.End.Inject(sender.Frame);
                    if (receiver.Port.Speed > 0)
                    {
                        receiver.Take(long.MaxValue);
                    }
                }
            }

            // A quarter of the frames of a step at a time, because a receiver that is slow is not asleep.
            for (var part = 0; part < 4; part++)
            {
                _switch.Clock.Advance(s_step / 4);
                _switch.Forwarder.Tick(port);
                receiver.Take(receiver.Port.Speed > 0 ? long.MaxValue : Link / 8 / 1000 / 16);
            }
        }
    }

    private static void AssertShares(Receiver receiver, Sender[] senders, params double[] weights)
    {
        for (var i = 0; i < senders.Length; i++)
        {
            var ideal = weights[i] / weights.Sum();
            var share = receiver.Bytes(senders[i].Number) / (double)receiver.Total;
            Assert.True(Math.Abs(share - ideal) <= ideal * 0.02, $"Sender {i} got {share:P3} and should get {ideal:P3}.");
        }
    }

    private sealed class Receiver(InMemoryPort port)
    {
        private readonly long[] _bytes = new long[256];

        public InMemoryPort Port => port;

        public long Total => _bytes.Sum();

        public long Bytes(int station) => _bytes[station];

        public void Forget() => Array.Clear(_bytes);

        public void Take(long most)
        {
            while (most > 0 && port.TryTake() is { } frame)
            {
                _bytes[frame[11]] += frame.Length;
                most -= frame.Length;
            }
        }
    }

    private sealed class Sender(MinimumBandwidthTests test, int number, PortPolicySpecification policy, int frameBytes)
    {
        public int Number => number;

        public InMemoryPort End { get; } = test._switch.AddPort(test._switch.Compile(number, policy), frameBytesMax: 2048).End;

        public byte[] Frame { get; } = Ethernet(Station(99), Station(number), length: frameBytes);

        public double Credit { get; set; }
    }
}
