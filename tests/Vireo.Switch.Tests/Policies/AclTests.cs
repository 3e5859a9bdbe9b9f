using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;
using static Vireo.Switch.Tests.Support.Packets;

namespace Vireo.Switch.Tests.Policies;

/// <summary>Access rules and meters: what they let pass, what they do not, and what they count.</summary>
public sealed class AclTests
{
    private const PortAclAction Allow = PortAclAction.Allow;
    private const PortAclAction Deny = PortAclAction.Deny;
    private const PortAclAction Meter = PortAclAction.Meter;
    private const PortAclDirection Both = PortAclDirection.Both;
    private const PortAclDirection In = PortAclDirection.Inbound;
    private const PortAclDirection Out = PortAclDirection.Outbound;
    private readonly TestSwitch _switch = new();
    private readonly InMemoryPort _other;

    public AclTests()
    {
        (_other, _) = _switch.AddPort();
        _other.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
    }

    [Fact]
    [Requirement("SW-6")]
    public void The_most_specific_rule_decides_in_both_directions()
    {
        var (a, port) = Guest(
            new(Deny, Both, null, "ANY"), new(Allow, Both, null, "10.0.0.0/8"), new(Deny, Both, null, "10.1.0.0/16"), new(Allow, Both, null, "10.1.1.1"),
            new(Allow, Both, null, "fd00::/16"), new(Deny, Out, null, "fd00:0:0:1::/64"));
        Check(a, "10.2.0.1", sends: true, receives: true);
        Check(a, "10.1.0.1", sends: false, receives: false);
        Check(a, "10.1.1.1", sends: true, receives: true);
        Check(a, "192.0.2.1", sends: false, receives: false);
        Check(a, "fd00:0:0:2::1", sends: true, receives: true);
        Check(a, "fd00:0:0:1::1", sends: false, receives: true);
        Check(a, "fe80::1", sends: false, receives: false);
        Assert.Equal(7, GuardTests.Dropped(port, "AclDenied"));
        Assert.Equal(2, Counters(port)[new(Deny, Both, null, "10.1.0.0/16")].Frames);
        Assert.Equal(1, Counters(port)[new(Deny, Out, null, "fd00:0:0:1::/64")].Frames);
    }

    [Fact]
    [Requirement("SW-6")]
    public void Ethernet_addresses_and_the_local_side_have_rules_too()
    {
        var (a, _) = Guest(new(Deny, Both, null, Station(2).ToString()), new(Allow, Both, null, "10.0.0.7"), new(Deny, Out, "10.0.0.66", null));
        a.Inject(Ethernet(Station(2), Station(1)));
        Assert.Equal(0, _other.Drain());
        Check(a, "10.0.0.8", sends: false, receives: false);
        Check(a, "10.0.0.7", sends: true, receives: true);
        a.Inject(Udp(Station(2), Station(1), "10.0.0.66", "10.0.0.7", 1, 2));
        Assert.Equal(0, _other.Drain());
    }

    [Fact]
    [Requirement("SW-6")]
    public void A_rule_for_ipv6_is_not_one_for_ipv4_and_a_disguise_does_not_pass()
    {
        var (a, port) = Guest(new PortAclSpecification(Deny, Both, null, "::/0"));
        Check(a, "10.0.0.1", sends: true, receives: true);
        Check(a, "fd00::1", sends: false, receives: false);
        a.Inject(Udp(Station(2), Station(1), "fd00::5", "::ffff:10.0.0.1", 1, 2));
        Assert.Equal(0, _other.Drain());
        Assert.Equal(1, port.Dropped[DropReason.Malformed.Id]);
    }

    [Fact]
    [Requirement("SW-6")]
    [Requirement("RM-2")]
    public void Internet_and_intranet_are_metered_apart_and_the_counts_outlive_a_change()
    {
        PortAclSpecification internet = new(Meter, Both, null, "0.0.0.0/0");
        PortAclSpecification intranet = new(Meter, Both, null, "10.0.0.0/8");
        var (a, port) = Guest(internet, intranet);
        var there = Udp(Station(2), Station(1), "10.0.0.5", "10.9.9.9", 1, 2);
        a.Inject(there);
        a.Inject(there);
        a.Inject(Udp(Station(2), Station(1), "10.0.0.5", "198.51.100.1", 1, 2));
        _other.Inject(Udp(Station(1), Station(2), "198.51.100.1", "10.0.0.5", 1, 2));
        Assert.Equal((2, 2L * there.Length), (Counters(port)[intranet].Frames, Counters(port)[intranet].Bytes));
        Assert.Equal(2, Counters(port)[internet].Frames);
        port.Policy = _switch.Compile(1, new PortPolicySpecification { Acls = [intranet, new(Deny, Both, null, "203.0.113.0/24")] }, previous: port.Policy);
        a.Inject(there);
        Assert.Equal(3, Counters(port)[intranet].Frames);
        Assert.DoesNotContain(internet, Counters(port).Keys);
    }

    [Fact]
    [Requirement("SW-6")]
    public void A_stateful_rule_lets_answers_in_and_nothing_else_until_the_conversation_is_idle()
    {
        var (a, _) = _switch.AddGuest(1, new PortPolicySpecification
        {
            ExtendedAcls =
            [
                new(true, Out, 10, RemotePort: "80", Protocol: "TCP", Stateful: true, IdleTimeoutSeconds: 30), new(false, Out, 1), new(false, In, 1),
                new(true, In, 5, LocalPort: "5000-5010", Protocol: "UDP", RemoteAddress: "10.0.0.0/24"),
            ],
        });
        var there = Tcp(Station(2), Station(1), 10);
        var back = Reversed(there);
        _other.Inject(back);
        Assert.Equal(0, a.Drain());
        a.Inject(there);
        _other.Inject(back);
        Assert.Equal((1, 1), (_other.Drain(), a.Drain()));
        _switch.Clock.Advance(TimeSpan.FromSeconds(29));
        _other.Inject(back);
        Assert.Equal(1, a.Drain());
        _switch.Clock.Advance(TimeSpan.FromSeconds(31));
        _other.Inject(back);
        Assert.Equal(0, a.Drain());

        _other.Inject(Udp(Station(1), Station(2), "10.0.0.9", "10.0.0.1", 1, 5005));
        Assert.Equal(1, a.Drain());
        _other.Inject(Udp(Station(1), Station(2), "10.0.0.9", "10.0.0.1", 1, 5011));
        _other.Inject(Udp(Station(1), Station(2), "10.0.1.9", "10.0.0.1", 1, 5005));
        Assert.Equal(0, a.Drain());

        // What is not IP is none of its business, or nobody would find anybody.
        a.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(1, _other.Drain());
    }

    [Fact]
    [Requirement("SW-6")]
    public void Rules_that_cannot_be_are_refused()
    {
        Says(new() { Acls = [new(Deny, Both, null, "10.0.0.1/8")] }, "10.0.0.1/8");
        Says(new() { Acls = [new(Deny, Both, "nonsense", "10.0.0.0/33")] }, "nonsense", "10.0.0.0/33");
        Says(new() { Acls = [new(0, 0, null, null)] }, "needs an action");
        Says(new() { ExtendedAcls = [new(true, Both, 1)] }, "direction");
        Says(new() { ExtendedAcls = [new(true, In, 1), new(false, In, 1)] }, "weight 1");
        Says(new() { ExtendedAcls = [new(true, In, 1, LocalPort: "80")] }, "TCP or UDP");
        Says(new() { ExtendedAcls = [new(true, In, 1, LocalPort: "90-80", Protocol: "TCP")] }, "90-80");
        Says(new() { ExtendedAcls = [new(false, In, 1, Protocol: "carrier pigeon", Stateful: true)] }, "pigeon", "cannot be stateful");
        Says(new() { ExtendedAcls = [new(true, In, 1, LocalAddress: "02155D000001", IdleTimeoutSeconds: 5)] }, "02155D000001", "idle time");
    }

    private static IReadOnlyDictionary<PortAclSpecification, Acls.AclCounter> Counters(PortState port) => port.Policy.Stages.OfType<AclStage>().Single().Counters;

    private static byte[] Reversed(byte[] frame)
    {
        var back = frame.ToArray();
        Swap(back, 0, 6, 6);
        Swap(back, 26, 30, 4);
        Swap(back, 34, 36, 2);
        return back;
    }

    private static void Swap(byte[] bytes, int one, int other, int length)
    {
        for (var i = 0; i < length; i++)
        {
            (bytes[one + i], bytes[other + i]) = (bytes[other + i], bytes[one + i]);
        }
    }

    private (InMemoryPort End, PortState Port) Guest(params PortAclSpecification[] rules) => _switch.AddGuest(1, new PortPolicySpecification { Acls = rules });

    private void Check(InMemoryPort guest, string remote, bool sends, bool receives)
    {
        var local = remote.Contains(':', StringComparison.Ordinal) ? "fd00::5" : "10.0.0.5";
        guest.Inject(Udp(Station(2), Station(1), local, remote, 1, 2));
        Assert.Equal((remote, sends ? 1 : 0), (remote, _other.Drain()));
        _other.Inject(Udp(Station(1), Station(2), remote, local, 1, 2));
        Assert.Equal((remote, receives ? 1 : 0), (remote, guest.Drain()));
    }

    private void Says(PortPolicySpecification policy, params string[] words)
    {
        var faults = _switch.Compiler.Validate(new PortSettings(PortVlanMode.Untagged, 0, [], policy, Station(1)));
        Assert.True(faults.Count == words.Length, string.Join(' ', faults));
        Assert.All(words, word => Assert.Contains(faults, fault => fault.Contains(word, StringComparison.Ordinal)));
    }
}
