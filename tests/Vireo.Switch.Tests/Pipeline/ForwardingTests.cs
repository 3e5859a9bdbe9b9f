using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Pipeline;

public sealed class ForwardingTests
{
    private readonly TestSwitch _switch = new();

    [Fact]
    [Requirement("SW-1")]
    public void Unknown_and_broadcast_reach_everyone_but_the_sender_and_answers_only_their_receiver()
    {
        var (a, _) = _switch.AddPort();
        var (b, _) = _switch.AddPort();
        var (c, portC) = _switch.AddPort();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal((0, 1, 1), (a.Drain(), b.Drain(), c.Drain()));
        a.Inject(Ethernet(Station(9), Station(1)));
        Assert.Equal((0, 1, 1), (a.Drain(), b.Drain(), c.Drain()));

        var answer = Ethernet(Station(1), Station(2));
        b.Inject(answer);
        Assert.Equal(answer, a.TryTake());
        Assert.Equal((0, 0), (b.Drain(), c.Drain()));
        Assert.Equal(2, portC.FramesOut);
        Assert.Equal(2, _switch.Switch.Addresses.Count(_switch.Forwarder.Now));
    }

    [Fact]
    [Requirement("SW-1")]
    public void A_station_that_moves_is_found_at_its_new_port_and_one_that_is_silent_is_forgotten()
    {
        var (a, _) = _switch.AddPort();
        var (b, _) = _switch.AddPort();
        var (c, _) = _switch.AddPort();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        c.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        a.Drain();
        b.Drain();
        c.Drain();
        b.Inject(Ethernet(Station(1), Station(2)));
        Assert.Equal((0, 1), (a.Drain(), c.Drain()));

        _switch.Clock.Advance(TimeSpan.FromSeconds(301));
        b.Inject(Ethernet(Station(1), Station(2)));
        Assert.Equal((1, 1), (a.Drain(), c.Drain()));
    }

    [Fact]
    [Requirement("SW-2")]
    public void Access_ports_of_different_vlans_never_hear_each_other_and_the_uplink_sees_the_tag()
    {
        var (a, portA) = _switch.AddPort(vlan: 5);
        var (b, _) = _switch.AddPort(vlan: 5);
        var (c, portC) = _switch.AddPort(vlan: 6);
        var (plain, _) = _switch.AddPort();
        var (uplink, _) = _switch.AddPort(PortPolicy.Uplink);
        var frame = Ethernet(MacAddress.Broadcast, Station(1));
        a.Inject(frame);
        Assert.Equal(frame, b.TryTake());
        Assert.Equal((0, 0), (c.Drain(), plain.Drain()));
        Assert.Equal(Tagged(frame, 5), uplink.TryTake());
        Assert.Equal(0, portC.Dropped.Sum());

        var answer = Ethernet(Station(1), Station(7));
        uplink.Inject(Tagged(answer, 5));
        Assert.Equal(answer, a.TryTake());
        Assert.Null(b.TryTake());

        // The same station in another VLAN is another station.
        uplink.Inject(Tagged(answer, 6));
        Assert.Equal(answer, c.TryTake());
        Assert.Null(a.TryTake());
        Assert.Equal(0, portA.Dropped.Sum());
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(5, false)]
    [InlineData(0, true)]
    [InlineData(5, true)]
    [Requirement("SW-2")]
    public void A_guest_cannot_choose_its_vlan_by_tagging(int vlan, bool twice)
    {
        var (a, portA) = _switch.AddPort(vlan);
        var (b, _) = _switch.AddPort(vlan: 6);
        var (same, _) = _switch.AddPort(vlan);
        var (uplink, _) = _switch.AddPort(PortPolicy.Uplink);
        var frame = Tagged(Ethernet(MacAddress.Broadcast, Station(1)), 6);
        a.Inject(twice ? Tagged(frame, 0) : frame);
        a.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(1)), 6, FrameParser.ServiceTagProtocol));
        Assert.Equal((0, 0, 0), (b.Drain(), same.Drain(), uplink.Drain()));
        Assert.Equal(2, portA.Dropped[DropReason.Vlan.Id]);

        // VLAN id zero states a priority only.
        a.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(1)), 7 << 13));
        Assert.Equal(Ethernet(MacAddress.Broadcast, Station(1)), same.TryTake());
        Assert.Equal(Tagged(Ethernet(MacAddress.Broadcast, Station(1)), (7 << 13) | vlan), uplink.TryTake());
    }

    [Fact]
    [Requirement("SW-13")]
    public void Every_refusal_has_its_counter()
    {
        var (a, portA) = _switch.AddPort();
        var (b, portB) = _switch.AddPort();
        a.Inject(new byte[13]);
        a.Inject(Ethernet(Station(1), new MacAddress(0x0100_5E00_0001)));
        a.Inject(Ethernet(Station(1), default));
        a.Inject(Ethernet(new MacAddress(0x0180_C200_0002), Station(1)));
        a.Inject(Ethernet(Station(1), Station(1)));
        Assert.Equal(0, b.Drain());
        Assert.Equal(1, portA.Dropped[DropReason.Malformed.Id]);
        Assert.Equal(2, portA.Dropped[DropReason.InvalidSource.Id]);
        Assert.Equal(1, portA.Dropped[DropReason.LinkLocal.Id]);
        Assert.Equal(1, portA.Dropped[DropReason.SamePort.Id]);
        Assert.Equal(5, portA.FramesIn);

        for (var i = 0; i < 300; i++)
        {
            a.Inject(Ethernet(Station(2), Station(1)));
        }

        Assert.Equal(256, b.Drain());
        Assert.Equal(44, portB.Dropped[DropReason.QueueFull.Id]);
        Assert.Equal(256, portB.FramesOut);
    }

    [Fact]
    public void A_removed_port_gets_nothing_and_its_stations_are_forgotten()
    {
        var (a, _) = _switch.AddPort();
        var (b, portB) = _switch.AddPort();
        var (c, _) = _switch.AddPort();
        b.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        c.Drain();
        _switch.Switch.Remove(portB);
        a.Inject(Ethernet(Station(2), Station(1)));
        Assert.Equal((0, 1), (b.Drain(), c.Drain()));
    }

    [Fact]
    public void Frames_pass_without_an_allocation()
    {
        var (a, _) = _switch.AddPort(vlan: 3);
        var (b, _) = _switch.AddPort(vlan: 3);
        var (uplink, _) = _switch.AddPort(PortPolicy.Uplink);
        var there = Ethernet(Station(2), Station(1));
        var flood = Ethernet(MacAddress.Broadcast, Station(1));
        void Round()
        {
            for (var i = 0; i < 50; i++)
            {
                a.Inject(there);
                a.Inject(flood);
            }

            b.Drain();
            uplink.Drain();
        }

        b.Inject(Ethernet(Station(1), Station(2)));
        Round();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Round();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
