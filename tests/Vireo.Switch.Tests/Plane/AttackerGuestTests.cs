using Vireo.Control.Switching;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using Vireo.Testing.Guests;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Plane;

/// <summary>
/// Three real guests: one attacks, one is attacked, one watches. Every rule is shown twice: what is allowed arrives, what is forged does not, and
/// would without the rule.
/// </summary>
public sealed class AttackerGuestTests
{
    private static readonly MacAddress s_attacker = Station(0xA1);
    private static readonly MacAddress s_victim = Station(0xB2);

    [Fact]
    [Requirement("SW-2")]
    [Requirement("SW-4")]
    [Requirement("SW-5")]
    [Requirement("SW-7")]
    public async Task Forged_frames_of_a_guest_are_dropped_its_own_flow_a_trunk_has_its_vlans_and_a_watcher_its_copies()
    {
        using var folder = new TempFolder();
        using var network = new TestNetwork("attack");
        await using var plane = await PlaneProcess.StartAsync(network);
        var lan = new SwitchSpecification(Guid.NewGuid(), "Lan", SwitchKind.Private);
        await plane.Client.PutSwitchAsync(lan);
        var guarded = new PortPolicySpecification { SpoofGuard = true, DhcpGuard = true, RouterGuard = true };
        var attackerPort = Port(plane, lan, s_attacker) with { Policy = guarded };
        var victimPort = Port(plane, lan, s_victim) with { Policy = guarded };
        var watcherPort = Port(plane, lan, Station(0xC3)) with { VlanMode = PortVlanMode.Access, AccessVlanId = 99, Policy = new() { Mirroring = PortMirroring.Destination } };
        PortSpecification[] ports = [attackerPort, victimPort, watcherPort];
        foreach (var port in ports)
        {
            await plane.Client.PutPortAsync(port);
        }

        GuestDisk.Build(folder["disk.raw"], generation: 1);
        var starting = ports.Select(port => PlainGuest.StartAsync(Options(folder["disk.raw"], port))).ToArray();
        await using var attacker = await starting[0];
        await using var victim = await starting[1];
        await using var watcher = await starting[2];
        await attacker.Shell.CheckAsync("ip address add 10.99.0.1/24 dev eth0");
        await victim.Shell.CheckAsync("ip address add 10.99.0.2/24 dev eth0; echo 2 >/proc/sys/net/ipv6/conf/eth0/accept_ra");
        foreach (var guest in new[] { attacker, victim, watcher })
        {
            await GuestFrames.InstallAsync(guest.Shell);
        }

        await PingsAsync(attacker, "10.99.0.2");
        await ForgeAsync(plane, attacker, victim, attackerPort, guarded);
        await PingsAsync(attacker, "10.99.0.2");
        await TrunkAsync(plane, attacker, victim, attackerPort, victimPort);
        await MirrorAsync(plane, attacker, victim, watcher, attackerPort, victimPort);
    }

    private static async Task ForgeAsync(PlaneProcess plane, PlainGuest attacker, PlainGuest victim, PortSpecification port, PortPolicySpecification guarded)
    {
        var stranger = Station(0xD4);
        const string router = "fe80::215:5dff:fe00:a1";
        (string Reason, byte[] Frame)[] forged =
        [
            ("MacSpoofed", Ethernet(s_victim, stranger)),
            ("AddressSpoofed", Packets.Arp(s_attacker, "10.99.0.2", "10.99.0.2", isReply: true)),
            ("AddressSpoofed", Packets.Arp(stranger, "10.99.0.77", "10.99.0.2", isReply: true, source: s_attacker)),
            ("AddressSpoofed", Packets.Neighbor(s_attacker, "fe80::99", 136, "fe80::99", stranger)),
            ("DhcpGuard", Packets.DhcpAnswer(MacAddress.Broadcast, s_attacker, "10.99.0.200", type: 2)),
            ("DhcpGuard", Packets.Udp(s_victim, s_attacker, "fe80::a1", "fe80::b2", 547, 546)),
            ("RouterGuard", Packets.Neighbor(s_attacker, router, 134, "::", s_attacker, option: 1)),
            ("RouterGuard", Packets.Neighbor(s_attacker, router, 137, "fe80::1", s_attacker)),
            ("Vlan", Tagged(Ethernet(s_victim, s_attacker), 99)),
            ("Vlan", Tagged(Tagged(Ethernet(s_victim, s_attacker), 99), 0)),
        ];
        foreach (var (reason, frame) in forged)
        {
            var before = await DroppedAsync(plane, port, reason);
            await GuestFrames.SendAsync(attacker.Shell, frame);
            await Wait.UntilAsync($"a frame to be dropped as {reason}", async () => await DroppedAsync(plane, port, reason) > before);
        }

        // The victim's kernel has believed nothing of it.
        Assert.DoesNotContain("10.99.0.77", await victim.Shell.CheckAsync("ip neigh show"), StringComparison.Ordinal);
        Assert.DoesNotContain("default", await victim.Shell.CheckAsync("ip -6 route show"), StringComparison.Ordinal);

        // The same without guards: it believes. An advertisement needs a right checksum and a lifetime to be believed.
        await plane.Client.PutPortAsync(port with { Policy = new PortPolicySpecification() });
        var advertisement = Advertisement(router);
        await Wait.UntilAsync("the victim to believe in the router", async () =>
        {
            await GuestFrames.SendAsync(attacker.Shell, advertisement);
            return (await victim.Shell.CheckAsync("ip -6 route show")).Contains($"default via {router}", StringComparison.Ordinal);
        });
        await GuestFrames.CollectAsync(victim.Shell);
        await Wait.UntilAsync("the victim to hear a stranger", async () =>
        {
            await GuestFrames.SendAsync(attacker.Shell, Ethernet(s_victim, stranger));
            return (await GuestFrames.CollectedAsync(victim.Shell)).Length > 0;
        });
        await plane.Client.PutPortAsync(port with { Policy = guarded });

        // With them again, the very advertisement is dropped.
        var dropped = await DroppedAsync(plane, port, "RouterGuard");
        await victim.Shell.CheckAsync($"ip -6 route del default via {router} dev eth0");
        await GuestFrames.SendAsync(attacker.Shell, advertisement);
        await Wait.UntilAsync("the advertisement to be dropped", async () => await DroppedAsync(plane, port, "RouterGuard") > dropped);
        Assert.DoesNotContain("default", await victim.Shell.CheckAsync("ip -6 route show"), StringComparison.Ordinal);
    }

    private static async Task TrunkAsync(PlaneProcess plane, PlainGuest attacker, PlainGuest victim, PortSpecification attackerPort, PortSpecification victimPort)
    {
        foreach (var vlan in new[] { 10, 20, 30 })
        {
            await victim.Shell.CheckAsync($"ip link add link eth0 name eth0.{vlan} type vlan id {vlan} && ip link set eth0.{vlan} up && ip address add 10.{vlan}.0.2/24 dev eth0.{vlan}");
            await attacker.Shell.CheckAsync($"ip address add 10.{vlan}.0.1/24 dev eth0");
        }

        await plane.Client.PutPortAsync(victimPort with { VlanMode = PortVlanMode.Trunk, Policy = new() { AllowedVlanIds = [10, 20], NativeVlanId = 10 + 90 } });
        foreach (var vlan in new[] { 10, 20 })
        {
            await plane.Client.PutPortAsync(attackerPort with { VlanMode = PortVlanMode.Access, AccessVlanId = vlan, Policy = null });
            await PingsAsync(attacker, $"10.{vlan}.0.2");
        }

        // A VLAN that is not allowed does not reach it; the native one does, untagged.
        await plane.Client.PutPortAsync(attackerPort with { VlanMode = PortVlanMode.Access, AccessVlanId = 30, Policy = null });
        Assert.NotEqual(0, (await attacker.Shell.RunAsync("ping -c 2 -W 1 10.30.0.2")).ExitCode);
        await plane.Client.PutPortAsync(attackerPort with { VlanMode = PortVlanMode.Access, AccessVlanId = 100, Policy = null });
        await PingsAsync(attacker, "10.99.0.2");
    }

    private static async Task MirrorAsync(
        PlaneProcess plane, PlainGuest attacker, PlainGuest victim, PlainGuest watcher, PortSpecification attackerPort, PortSpecification victimPort)
    {
        await plane.Client.PutPortAsync(attackerPort with { Policy = new() { Mirroring = PortMirroring.Source } });
        await plane.Client.PutPortAsync(victimPort with { Policy = null });
        await GuestFrames.CollectAsync(watcher.Shell);
        await GuestFrames.CollectAsync(victim.Shell);
        await Wait.UntilAsync("the collectors", async () =>
        {
            // What comes before the collector listens is not collected; the first that is shows that it does.
            await GuestFrames.SendAsync(attacker.Shell, Numbered(0));
            return (await GuestFrames.CollectedAsync(watcher.Shell)).Length > 0 && (await GuestFrames.CollectedAsync(victim.Shell)).Length > 0;
        });
        byte[][] sent = [.. Enumerable.Range(1, 5).Select(Numbered)];
        await GuestFrames.SendAsync(attacker.Shell, sent);
        foreach (var guest in new[] { watcher, victim })
        {
            byte[] collected = [];
            await Wait.UntilAsync("the last frame", async () => (collected = await GuestFrames.CollectedAsync(guest.Shell)).AsSpan().EndsWith(sent[^1]));
            Assert.Equal(sent, collected.Chunk(60).SkipWhile(frame => frame[20] == 0));
        }

        // What others say is not for the watcher.
        await plane.Client.PutPortAsync(attackerPort with { Policy = null });
        var before = (await GuestFrames.CollectedAsync(watcher.Shell)).Length;
        await GuestFrames.SendAsync(attacker.Shell, Numbered(6));
        await Wait.UntilAsync("the frame", async () => (await GuestFrames.CollectedAsync(victim.Shell)).AsSpan().EndsWith(Numbered(6)));
        Assert.Equal(before, (await GuestFrames.CollectedAsync(watcher.Shell)).Length);
    }

    private static byte[] Numbered(int number)
    {
        var frame = Ethernet(s_victim, s_attacker, length: 60);
        frame[20] = (byte)number;
        return frame;
    }

    /// <summary>RFC 4861 4.2, with a lifetime of half an hour.</summary>
    private static byte[] Advertisement(string router)
    {
        var frame = Packets.Neighbor(s_attacker, router, 134, "::", s_attacker, option: 1);
        const int message = 14 + 40;
        frame[message + 4] = 64;
        frame[message + 6] = 7;
        frame[message + 7] = 8;
        var pseudo = Offloads.Checksum.Sum(frame.AsSpan(14 + 8, 32), 58 + (ulong)(frame.Length - message));
        frame[message + 2] = (byte)(pseudo >> 8);
        frame[message + 3] = (byte)pseudo;
        Offloads.Checksum.Complete(frame.AsSpan(message), 0, 2);
        return frame;
    }

    private static async Task<long> DroppedAsync(PlaneProcess plane, PortSpecification port, string reason) =>
        (await plane.Client.GetPortAsync(port.Id)).Statistics.Dropped.GetValueOrDefault(reason);

    private static PortSpecification Port(PlaneProcess plane, SwitchSpecification lan, MacAddress address)
    {
        var id = Guid.NewGuid();
        return new PortSpecification(id, lan.Id, PortKind.VhostUser, plane.Paths.PortSocket(id), null, address.ToString().Replace(":", "", StringComparison.Ordinal).ToUpperInvariant());
    }

    private static PlainGuestOptions Options(string disk, PortSpecification port) => new(Generation: 1)
    {
        MemoryMegabytes = 192,
        Arguments =
        [
            "-drive", $"file={disk},format=raw,if=virtio,snapshot=on",
            "-chardev", $"socket,id=net0,path={port.SocketPath},reconnect=1",
            "-netdev", "vhost-user,id=net0,chardev=net0",
            "-device", $"virtio-net-pci,netdev=net0,vectors=0,mac={string.Join(':', port.MacAddress.Chunk(2).Select(pair => new string(pair)))}",
        ],
    };

    private static Task PingsAsync(PlainGuest guest, string address) => Wait.UntilAsync(
        "an answer to a ping", async () => (await guest.Shell.RunAsync($"ping -c 1 -W 1 {address}")).ExitCode == 0, TimeSpan.FromMinutes(1));
}
