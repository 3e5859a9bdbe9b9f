using Vireo.Control.Switching;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Policies;

/// <summary>Watchers get exactly what their sources send and get; senders send no more than they may.</summary>
public sealed class MirrorAndBandwidthTests
{
    private readonly TestSwitch _switch = new();

    [Fact]
    [Requirement("SW-7")]
    public void A_watcher_sees_a_copy_of_what_a_source_sends_and_gets_and_of_nothing_else()
    {
        var (source, port) = _switch.AddGuest(1, new PortPolicySpecification { Mirroring = PortMirroring.Source, SpoofGuard = true }, PortVlanMode.Access, 7);
        var (peer, _) = _switch.AddPort(vlan: 7);
        var (third, _) = _switch.AddPort(vlan: 7);
        var (watcher, _) = _switch.AddGuest(9, new PortPolicySpecification { Mirroring = PortMirroring.Destination });
        var (uplink, _) = _switch.AddPort(Vireo.Switch.Pipeline.PortPolicy.Uplink);
        var sent = Tcp(Station(2), Station(1), 1000, partial: true);
        source.Inject(sent, new FrameOffload(true, 34, 16, SegmentationKind.None, 0));
        peer.Drain();
        uplink.Drain();
        Assert.Equal(Tcp(Station(2), Station(1), 1000), watcher.TryTake());
        var received = Ethernet(Station(1), Station(2), length: 333);
        peer.Inject(received);
        Assert.Equal(received, source.TryTake());
        Assert.Equal(received, watcher.TryTake());

        // What others say to each other, and what the source tried in vain, is not seen.
        third.Inject(Ethernet(Station(2), Station(3)));
        source.Inject(Ethernet(Station(2), Station(5)));
        Assert.Null(watcher.TryTake());

        port.Policy = _switch.Compile(1, new PortPolicySpecification(), PortVlanMode.Access, 7, port.Policy);
        source.Inject(sent);
        Assert.Null(watcher.TryTake());
    }

    [Theory]
    [InlineData(1_000_000, 1500, 10)]
    [InlineData(100_000_000, 64, 1)]
    [InlineData(2_500_000_000, 9000, 1)]
    [Requirement("QS-1")]
    public void The_maximum_is_kept_within_one_percent_and_used(long bitsPerSecond, int frameBytes, int seconds)
    {
        var (a, port) = _switch.AddGuest(1, new PortPolicySpecification { MaximumBandwidth = bitsPerSecond });
        var (b, _) = _switch.AddPort();
        var frame = Ethernet(MacAddress.Broadcast, Station(1), length: frameBytes);
        var stage = port.Policy.Stages.OfType<MaximumBandwidthStage>().Single();

        // Offered: twice the limit. The bucket is full at the beginning, so the first while does not count.
        var step = TimeSpan.FromMilliseconds(1);
        double offered = 0;
        long arrived = 0;
        void Run(TimeSpan time)
        {
            for (var passed = TimeSpan.Zero; passed < time; passed += step)
            {
                for (offered += bitsPerSecond * 2.0 / 8 * step.TotalSeconds; offered > 0; offered -= frameBytes)
                {
                    a.Inject(frame);
                    arrived += b.Drain();
                }

                _switch.Clock.Advance(step);
                _switch.Forwarder.Tick(port);
                arrived += b.Drain();
            }
        }

        Run(TimeSpan.FromSeconds(1));
        arrived = 0;
        Run(TimeSpan.FromSeconds(seconds));
        var share = arrived * frameBytes * 8 / ((double)bitsPerSecond * seconds);
        Assert.InRange(share, 0.99, 1.01);
        Assert.True(GuardTests.Dropped(port, "BandwidthExceeded") > 0);
        Assert.NotEqual(long.MaxValue, stage.NextTick);
    }

    [Fact]
    [Requirement("QS-1")]
    public void Below_the_maximum_nothing_waits_and_held_frames_keep_their_vlan_and_offloads()
    {
        var (a, port) = _switch.AddGuest(1, new PortPolicySpecification { MaximumBandwidth = 1_000_000 }, PortVlanMode.Access, 5);
        var (able, _) = _switch.AddPort(vlan: 5);
        var (uplink, _) = _switch.AddPort(Vireo.Switch.Pipeline.PortPolicy.Uplink);
        able.Offered = new(Checksum: true, Tcp4: true, false, false);
        var whole = Tcp(MacAddress.Broadcast, Station(1), 60_000, partial: true);
        var offload = new FrameOffload(true, 34, 16, SegmentationKind.Tcp4, 1400);
        a.Inject(whole, offload);
        Assert.Equal(whole, able.TryTake());
        Assert.True(uplink.Drain() > 40);
        a.Inject(whole, offload);
        a.Inject(whole, offload);
        Assert.Equal(whole, able.TryTake());
        Assert.Null(able.TryTake());
        _switch.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(long.MaxValue, _switch.Forwarder.Tick(port));
        Assert.Equal(whole, able.TryTake());
    }
}
