using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;
using static Vireo.Switch.Tests.Support.Packets;

namespace Vireo.Switch.Tests.Policies;

/// <summary>A guest that lies about who it is, and one that does not, behind guarded ports.</summary>
public sealed class GuardTests
{
    private static readonly PortPolicySpecification s_guarded = new() { SpoofGuard = true };
    private readonly TestSwitch _switch = new();

    [Fact]
    [Requirement("SW-4")]
    public void Only_the_adapters_own_address_sends_unless_others_are_allowed()
    {
        var (a, port) = _switch.AddGuest(1, s_guarded);
        var (b, _) = _switch.AddGuest(2, s_guarded);
        a.Inject(Ethernet(Station(2), Station(1)));
        Assert.Equal(1, b.Drain());
        a.Inject(Ethernet(Station(2), Station(3)));
        a.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        Assert.Equal(0, b.Drain());
        Assert.Equal(2, Dropped(port, "MacSpoofed"));

        // What was forged was not learned either.
        Assert.Equal(1, _switch.Switch.Addresses.Count(_switch.Forwarder.Now));
        port.Policy = _switch.Compile(1, s_guarded with { SpoofGuard = false }, previous: port.Policy);
        a.Inject(Ethernet(Station(2), Station(3)));
        Assert.Equal(1, b.Drain());
    }

    [Fact]
    [Requirement("SW-4")]
    public void Arp_claims_only_what_nobody_else_has()
    {
        var (victim, _) = _switch.AddGuest(1, s_guarded);
        var (attacker, port) = _switch.AddGuest(2, s_guarded);
        var (router, _) = _switch.AddPort(_switch.Compiler.CompileUplink());
        victim.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.254"));
        router.Inject(Arp(Station(9), "10.0.0.254", "10.0.0.1", isReply: true));
        attacker.Inject(Arp(Station(2), "10.0.0.2", "10.0.0.1"));
        Assert.Equal(2, victim.Drain());
        Assert.Equal((2, 2), (router.Drain(), attacker.Drain()));

        attacker.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.254", isReply: true));
        attacker.Inject(Arp(Station(2), "10.0.0.254", "10.0.0.1", isReply: true));
        attacker.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.254", isReply: true, source: Station(2)));
        Assert.Equal((0, 0), (victim.Drain(), router.Drain()));
        Assert.Equal(3, Dropped(port, "AddressSpoofed"));

        // A probe claims nothing (RFC 5227), and what was its own before still is.
        attacker.Inject(Arp(Station(2), "0.0.0.0", "10.0.0.1"));
        attacker.Inject(Arp(Station(2), "10.0.0.2", "10.0.0.254"));
        Assert.Equal(2, router.Drain());
    }

    [Fact]
    [Requirement("SW-4")]
    public void An_address_is_free_again_when_its_port_is_gone_or_silent_and_follows_a_station_that_moves()
    {
        var (first, firstPort) = _switch.AddGuest(1, s_guarded);
        var (second, _) = _switch.AddGuest(2, s_guarded);
        var (other, _) = _switch.AddPort();
        first.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.9"));
        second.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(1, other.Drain());
        _switch.Switch.Remove(firstPort);

        // The same adapter on another port: a machine that arrived by migration.
        var (again, _) = _switch.AddGuest(1, s_guarded);
        again.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(1, other.Drain());
        second.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(0, other.Drain());

        // Whoever uses its address keeps it; whoever is silent does not.
        _switch.Clock.Advance(TimeSpan.FromSeconds(SwitchState.OwnerAgeingSeconds - 1));
        again.Inject(Udp(Station(9), Station(1), "10.0.0.1", "10.0.0.9", 1, 2));
        Assert.Equal(1, other.Drain());
        _switch.Clock.Advance(TimeSpan.FromSeconds(SwitchState.OwnerAgeingSeconds - 1));
        second.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(0, other.Drain());
        _switch.Clock.Advance(TimeSpan.FromSeconds(2));
        second.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(1, other.Drain());
    }

    [Fact]
    [Requirement("SW-4")]
    public void Neighbor_discovery_claims_only_what_nobody_else_has()
    {
        var (victim, _) = _switch.AddGuest(1, s_guarded);
        var (attacker, port) = _switch.AddGuest(2, s_guarded);
        const byte solicitation = 135;
        const byte advertisement = 136;
        victim.Inject(Neighbor(Station(1), "fe80::1", advertisement, "fd00::1", Station(1)));
        Assert.Equal(1, attacker.Drain());
        byte[][] forged =
        [
            Neighbor(Station(2), "fe80::2", advertisement, "fd00::1", Station(2)),
            Neighbor(Station(2), "fe80::2", advertisement, "fd00::2", Station(1)),
            Neighbor(Station(2), "fe80::1", solicitation, "fd00::1", Station(2), option: 1),
            Neighbor(Station(2), "fe80::2", solicitation, "fd00::1", Station(3), option: 1),
            Neighbor(Station(2), "fe80::2", advertisement, "fd00::1", Station(2), extension: [58, 0, 0, 1, 0, 0, 0, 7]),
        ];
        foreach (var frame in forged)
        {
            attacker.Inject(frame);
        }

        Assert.Equal(0, victim.Drain());
        Assert.Equal(forged.Length, Dropped(port, "AddressSpoofed"));

        // Asking whether an address is free, and taking a free one.
        attacker.Inject(Neighbor(Station(2), "::", solicitation, "fd00::1", null));
        attacker.Inject(Neighbor(Station(2), "fe80::2", advertisement, "fd00::2", Station(2)));
        attacker.Inject(Neighbor(Station(2), "fe80::2", solicitation, "fd00::1", Station(2), option: 1));
        Assert.Equal(3, victim.Drain());
    }

    [Fact]
    [Requirement("SW-4")]
    public void A_servers_answer_gives_an_address_to_its_client_and_given_addresses_are_the_only_ones()
    {
        var (server, _) = _switch.AddGuest(9, s_guarded);
        var (client, _) = _switch.AddGuest(1, s_guarded);
        var (thief, _) = _switch.AddGuest(2, s_guarded);
        var (fixedOne, fixedPort) = _switch.AddGuest(3, s_guarded with { AllowedAddresses = ["10.0.0.3", "fd00::3"] });
        thief.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.9"));
        server.Drain();
        server.Inject(DhcpAnswer(Station(1), Station(9), "10.0.0.1"));
        client.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(1, server.Drain());
        thief.Inject(Arp(Station(2), "10.0.0.1", "10.0.0.9"));
        Assert.Equal(0, server.Drain());

        fixedOne.Inject(Arp(Station(3), "10.0.0.3", "10.0.0.9"));
        fixedOne.Inject(Udp(Station(9), Station(3), "10.0.0.3", "10.0.0.9", 5, 6));
        fixedOne.Inject(Udp(MacAddress.Broadcast, Station(3), "0.0.0.0", "255.255.255.255", 68, 67));
        fixedOne.Inject(Udp(MacAddress.Broadcast, Station(3), "fe80::3", "ff02::1:2", 546, 547));
        Assert.Equal(4, server.Drain());
        fixedOne.Inject(Arp(Station(3), "10.0.0.4", "10.0.0.9"));
        fixedOne.Inject(Udp(Station(9), Station(3), "10.0.0.4", "10.0.0.9", 5, 6));
        fixedOne.Inject(Udp(Station(9), Station(3), "fd00::4", "fd00::9", 5, 6));
        Assert.Equal(0, server.Drain());
        Assert.Equal(3, Dropped(fixedPort, "AddressSpoofed"));
    }

    [Theory]
    [InlineData("10.0.0.1", "255.255.255.255", 67, 68, true)]
    [InlineData("10.0.0.1", "255.255.255.255", 4000, 68, true)]
    [InlineData("10.0.0.1", "10.0.0.2", 67, 67, true)]
    [InlineData("0.0.0.0", "255.255.255.255", 68, 67, false)]
    [InlineData("10.0.0.1", "10.0.0.2", 546, 547, false)]
    [InlineData("fe80::1", "fe80::2", 547, 546, true)]
    [InlineData("fe80::1", "fe80::2", 4000, 546, true)]
    [InlineData("fe80::1", "ff02::1:2", 546, 547, false)]
    [InlineData("fe80::1", "fe80::2", 67, 68, false)]
    [Requirement("SW-5")]
    public void A_guarded_guest_is_no_dhcp_server(string from, string to, int source, int destination, bool isServer)
    {
        var (a, port) = _switch.AddGuest(1, new PortPolicySpecification { DhcpGuard = true });
        var (b, _) = _switch.AddGuest(2, new PortPolicySpecification { DhcpGuard = true });
        var frame = Udp(MacAddress.Broadcast, Station(1), from, to, source, destination);
        a.Inject(frame);
        Assert.Equal(isServer ? 0 : 1, b.Drain());
        Assert.Equal(isServer ? 1 : 0, Dropped(port, "DhcpGuard"));

        // The guard looks at what its guest sends, not at what it gets: real servers are heard.
        var (real, _) = _switch.AddPort();
        real.Inject(frame);
        Assert.Equal(1, a.Drain());
    }

    [Fact]
    [Requirement("SW-5")]
    public void A_guarded_guest_is_no_router_however_it_wraps_its_advertisements()
    {
        var (a, port) = _switch.AddGuest(1, new PortPolicySpecification { RouterGuard = true });
        var (b, _) = _switch.AddPort();
        a.Inject(Neighbor(Station(1), "fe80::1", 133, "::", null));
        a.Inject(Neighbor(Station(1), "fe80::1", 136, "fe80::1", Station(1)));
        a.Inject(Ip(Station(2), Station(1), "10.0.0.1", "10.0.0.2", 1, [8, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal(3, b.Drain());

        byte[] destinationOptions = [58, 0, 1, 4, 0, 0, 0, 0];
        byte[][] forged =
        [
            Neighbor(Station(1), "fe80::1", 134, "::", Station(1), option: 1),
            Neighbor(Station(1), "fe80::1", 137, "fd00::9", Station(1)),
            Neighbor(Station(1), "fe80::1", 134, "::", null, extension: [60, 0, 1, 4, 0, 0, 0, 0, .. destinationOptions]),
            Neighbor(Station(1), "fe80::1", 134, "::", null, extension: [58, 0, 0, 0, 0, 0, 0, 7]),
            Ip(Station(2), Station(1), "10.0.0.1", "10.0.0.2", 1, [9, 0, 0, 0, 0, 0, 0, 0]),
            Ip(Station(2), Station(1), "10.0.0.1", "10.0.0.2", 1, [5, 1, 0, 0, 10, 0, 0, 1]),
        ];
        foreach (var frame in forged)
        {
            a.Inject(frame);
        }

        Assert.Equal(forged.Length, Dropped(port, "RouterGuard"));

        // A first fragment that ends before the message begins (RFC 7113), and a chain of headers without end.
        a.Inject(Ip(Station(2), Station(1), "fe80::1", "ff02::1", 44, [], extension: [58, 0, 0, 1, 0, 0, 0, 7]));
        a.Inject(Ip(Station(2), Station(1), "fe80::1", "ff02::1", 60, new byte[8], extension: [.. Enumerable.Repeat<byte[]>([60, 0, 1, 4, 0, 0, 0, 0], 20).SelectMany(header => header)]));
        Assert.Equal(2, port.Dropped[DropReason.Malformed.Id]);
        Assert.Equal(0, b.Drain());
    }

    [Fact]
    [Requirement("SW-15")]
    public void A_storm_is_cut_off_and_conversations_are_not()
    {
        var (a, port) = _switch.AddGuest(1, new PortPolicySpecification { StormLimit = 10 });
        var (b, _) = _switch.AddPort();
        b.Inject(Ethernet(Station(1), Station(2)));
        for (var i = 0; i < 20; i++)
        {
            a.Inject(Ethernet(i % 2 == 0 ? MacAddress.Broadcast : Station(77), Station(1)));
            a.Inject(Ethernet(Station(2), Station(1)));
        }

        Assert.Equal(30, b.Drain());
        Assert.Equal(10, Dropped(port, "StormLimit"));
        _switch.Clock.Advance(TimeSpan.FromSeconds(1));
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(1, b.Drain());
    }

    [Fact]
    public void Frames_that_others_made_pass_a_port_with_every_guard_or_are_dropped_with_a_reason()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.SharedFolder ?? throw new InvalidOperationException("The captures made by others are missing: put the folder 'shared' beside the checkout."), "data", "captures")))
        {
            var network = new TestSwitch();
            var policy = new PortPolicySpecification
            {
                DhcpGuard = true,
                RouterGuard = true,
                StormLimit = 100,
                Acls = [new(PortAclAction.Deny, PortAclDirection.Both, null, "192.0.2.0/24")],
                ExtendedAcls = [new(true, PortAclDirection.Outbound, 1, Protocol: "TCP", Stateful: true)],
            };
            var (a, port) = network.AddGuest(1, policy);
            var (guarded, guardedPort) = network.AddGuest(2, policy with { SpoofGuard = true });
            var (b, _) = network.AddPort();
            var frames = CaptureFile.Read(file);
            foreach (var frame in frames)
            {
                a.Inject(frame);
                guarded.Inject(frame);
                b.Inject(frame);
            }

            Assert.Equal((frames.Count, frames.Count), (port.FramesIn, guardedPort.FramesIn));
            Assert.True(guardedPort.Dropped.Sum() >= frames.Count, file);
        }
    }

    internal static long Dropped(PortState port, string reason) => port.Dropped[DropReason.Register(reason).Id];
}
