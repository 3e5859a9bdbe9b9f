using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Policies;

/// <summary>Trunks and private VLANs: who hears whom.</summary>
public sealed class VlanTests
{
    private readonly TestSwitch _switch = new();

    [Fact]
    [Requirement("SW-2")]
    public void A_trunk_takes_part_in_its_vlans_and_in_no_other_and_its_untagged_frames_are_in_the_native_one()
    {
        var (trunk, port) = _switch.AddGuest(1, new PortPolicySpecification { AllowedVlanIds = [10, 20, 30], NativeVlanId = 10 }, PortVlanMode.Trunk);
        var (ten, _) = _switch.AddPort(vlan: 10);
        var (twenty, _) = _switch.AddPort(vlan: 20);
        var (forty, _) = _switch.AddPort(vlan: 40);
        var frame = Ethernet(MacAddress.Broadcast, Station(1));
        trunk.Inject(frame);
        Assert.Equal(frame, ten.TryTake());
        trunk.Inject(Tagged(frame, 20));
        Assert.Equal(frame, twenty.TryTake());
        trunk.Inject(Tagged(frame, 40));
        trunk.Inject(Tagged(Tagged(frame, 20), 10));
        trunk.Inject(Tagged(Tagged(frame, 40), 20));
        trunk.Inject(Tagged(frame, 20, FrameParser.ServiceTagProtocol));
        Assert.Equal((0, 0, 0), (ten.Drain(), twenty.Drain(), forty.Drain()));
        Assert.Equal(4, port.Dropped[DropReason.Vlan.Id]);

        // What others send comes untagged from the native VLAN, tagged from the rest.
        var answer = Ethernet(Station(1), Station(2));
        ten.Inject(answer);
        Assert.Equal(answer, trunk.TryTake());
        twenty.Inject(Ethernet(Station(1), Station(3)));
        Assert.Equal(Tagged(Ethernet(Station(1), Station(3)), 20), trunk.TryTake());
        forty.Inject(Ethernet(MacAddress.Broadcast, Station(4)));
        Assert.Null(trunk.TryTake());
    }

    [Fact]
    [Requirement("QS-6")]
    public void A_guest_gives_its_frames_a_priority_only_where_it_may()
    {
        var (uplink, _) = _switch.AddPort(PortPolicy.Uplink);
        var (may, _) = _switch.AddGuest(1, new PortPolicySpecification { PriorityTag = true }, PortVlanMode.Access, 7);
        var (mayNot, _) = _switch.AddGuest(2, new PortPolicySpecification { PriorityTag = false }, PortVlanMode.Access, 7);
        const int five = 5 << 13;
        may.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(1)), five));
        Assert.Equal(Tagged(Ethernet(MacAddress.Broadcast, Station(1)), 7 | five), uplink.TryTake());
        mayNot.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(2)), five));
        Assert.Equal(Tagged(Ethernet(MacAddress.Broadcast, Station(2)), 7), uplink.TryTake());
    }

    [Fact]
    [Requirement("SW-3")]
    public void The_example_of_the_white_paper_holds_in_every_direction()
    {
        // Primary 2; guests 1 and 2 are isolated in 4, guests 3 and 4 are a community in 5, guest 5 is promiscuous.
        var ports = new[]
        {
            Private(1, PrivateVlanMode.Isolated, 4), Private(2, PrivateVlanMode.Isolated, 4), Private(3, PrivateVlanMode.Community, 5),
            Private(4, PrivateVlanMode.Community, 5), Private(5, PrivateVlanMode.Promiscuous, 4, 5),
        };
        (int, int)[] talking = [(1, 5), (2, 5), (3, 5), (4, 5), (3, 4)];
        long[] before = [];
        foreach (var known in new[] { false, true })
        {
            before = [.. ports.Select(port => GuardTests.Dropped(port.Port, "PrivateVlan"))];
            for (var from = 1; from <= 5; from++)
            {
                for (var to = 1; to <= 5; to++)
                {
                    if (from == to)
                    {
                        continue;
                    }

                    ports[from - 1].End.Inject(Ethernet(Station(to), Station(from)));
                    var expected = talking.Contains((Math.Min(from, to), Math.Max(from, to))) ? 1 : 0;
                    Assert.Equal((known, from, to, expected), (known, from, to, ports[to - 1].End.Drain()));
                    foreach (var (end, _) in ports)
                    {
                        // Before a station is known its frames reach whoever may hear them; afterwards nobody else hears any.
                        var overheard = end.Drain();
                        Assert.True(!known || overheard == 0);
                    }
                }
            }
        }

        // Known stations are refused at their port, and counted there: three others for each isolated one, two for each of the community.
        Assert.Equal([3, 3, 2, 2, 0], ports.Select((port, i) => GuardTests.Dropped(port.Port, "PrivateVlan") - before[i]));
    }

    [Fact]
    [Requirement("SW-3")]
    public void On_the_wire_the_secondary_tag_says_the_same_to_the_next_switch()
    {
        var (uplink, _) = _switch.AddPort(PortPolicy.Uplink);
        var (isolated, _) = Private(1, PrivateVlanMode.Isolated, 4);
        var (community, _) = Private(3, PrivateVlanMode.Community, 5);
        var (promiscuous, _) = Private(5, PrivateVlanMode.Promiscuous, 4, 5);
        isolated.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(Tagged(Ethernet(MacAddress.Broadcast, Station(1)), 4), uplink.TryTake());
        promiscuous.Inject(Ethernet(MacAddress.Broadcast, Station(5)));
        Assert.Equal(Tagged(Ethernet(MacAddress.Broadcast, Station(5)), 2), uplink.TryTake());
        isolated.Drain();
        community.Drain();
        promiscuous.Drain();

        // An isolated guest of another host reaches the promiscuous one only, a community's guest its community too.
        uplink.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(11)), 4));
        Assert.Equal((0, 0, 1), (isolated.Drain(), community.Drain(), promiscuous.Drain()));
        uplink.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(12)), 5));
        Assert.Equal((0, 1, 1), (isolated.Drain(), community.Drain(), promiscuous.Drain()));
        uplink.Inject(Tagged(Ethernet(MacAddress.Broadcast, Station(13)), 2));
        Assert.Equal((1, 1, 1), (isolated.Drain(), community.Drain(), promiscuous.Drain()));

        // An answer comes in another VLAN than the question went, and still finds its station.
        promiscuous.Inject(Ethernet(Station(11), Station(5)));
        Assert.Equal((0, 0), (isolated.Drain(), community.Drain()));
        Assert.Equal(Tagged(Ethernet(Station(11), Station(5)), 2), uplink.TryTake());
    }

    [Fact]
    [Requirement("SW-3")]
    public void What_cannot_be_is_refused_with_all_its_reasons()
    {
        Says(PortVlanMode.Trunk, new() { NativeVlanId = 5000 }, "5000", "needs the VLANs");
        Says(PortVlanMode.Trunk, new() { AllowedVlanIds = [0, 4095] }, "id 0", "4095");
        Says(PortVlanMode.Private, new() { PrivateVlanMode = PrivateVlanMode.Isolated, PrimaryVlanId = 2, SecondaryVlanIds = [2] }, "its own secondary");
        Says(PortVlanMode.Private, new() { PrivateVlanMode = PrivateVlanMode.Community, PrimaryVlanId = 2, SecondaryVlanIds = [4, 5] }, "one secondary");
        Says(PortVlanMode.Private, new() { PrimaryVlanId = 0 }, "isolated, community or promiscuous", "primary VLAN 0", "one secondary");
        Says(PortVlanMode.Untagged, new() { StormLimit = -1, QueueWeight = 101, MaximumBandwidth = -1, AllowedAddresses = ["10.0.0.0/8"] }, "storm limit", "queue weight", "maximum bandwidth", "one station");
    }

    private (InMemoryPort End, PortState Port) Private(int station, PrivateVlanMode mode, params int[] secondaries) => _switch.AddGuest(
        station, new PortPolicySpecification { PrivateVlanMode = mode, PrimaryVlanId = 2, SecondaryVlanIds = secondaries }, PortVlanMode.Private);

    private void Says(PortVlanMode mode, PortPolicySpecification policy, params string[] words)
    {
        var faults = _switch.Compiler.Validate(new PortSettings(mode, 0, [], policy, Station(1)));
        Assert.Equal(words.Length, faults.Count);
        Assert.All(words, word => Assert.Contains(faults, fault => fault.Contains(word, StringComparison.Ordinal)));
    }
}
