using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using Vireo.Testing.Guests;

namespace Vireo.Switch.Tests.Plane;

/// <summary>Two real guests in bare QEMUs on a private switch: what their own ping says.</summary>
public sealed class GuestTrafficTests
{
    [Fact]
    [Requirement("SW-1")]
    [Requirement("SW-2")]
    [Requirement("SW-3")]
    [Requirement("SW-4")]
    [Requirement("SW-6")]
    [Requirement("VM-10")]
    [Requirement("IO-3")]
    public async Task Guests_ping_each_other_unless_their_vlans_differ_and_their_connections_survive_when_the_plane_is_killed()
    {
        using var folder = new TempFolder();
        using var network = new TestNetwork("guests");
        await using var plane = await PlaneProcess.StartAsync(network);
        var lan = new SwitchSpecification(Guid.NewGuid(), "Private", SwitchKind.Private);
        await plane.Client.PutSwitchAsync(lan);
        var portA = Port(plane, lan, "02155D00000A");
        var portB = Port(plane, lan, "02155D00000B") with { QueuePairs = 2 };
        await plane.Client.PutPortAsync(portA);
        await plane.Client.PutPortAsync(portB);
        GuestDisk.Build(folder["disk.raw"], generation: 1);
        var starting = new[] { portA, portB }.Select(port => PlainGuest.StartAsync(Options(folder["disk.raw"], port))).ToArray();
        await using var a = await starting[0];
        await using var b = await starting[1];
        await a.Shell.CheckAsync("ip address add 10.88.0.1/24 dev eth0");
        await b.Shell.CheckAsync("ip address add 10.88.0.2/24 dev eth0");
        await PingsAsync(a, expected: true);

        // One of them has two processors and a pair of queues for each.
        Assert.Equal("2", (await b.Shell.CheckAsync("ls /sys/class/net/eth0/queues | grep -c rx")).Trim());
        Assert.All(await plane.Client.ListPortsAsync(), port => Assert.True(port.Connected));

        // Checksums and segmentation as the guests' kernels negotiated them.
        await b.Shell.CheckAsync("mkdir -p /tmp/web; seq 300000 >/tmp/web/numbers; busybox httpd -p 8000 -h /tmp/web");
        await a.Shell.CheckAsync("busybox wget -q -O /tmp/numbers http://10.88.0.2:8000/numbers; seq 300000 | cmp - /tmp/numbers");
        await b.Shell.CheckAsync("iperf3 --server --daemon --one-off");
        await b.Shell.ListensAsync(5201);
        Assert.Contains("receiver", await a.Shell.CheckAsync("iperf3 --client 10.88.0.2 --parallel 4 --bytes 4M", TimeSpan.FromMinutes(1)), StringComparison.Ordinal);

        await plane.Client.PutPortAsync(portB with { VlanMode = PortVlanMode.Access, AccessVlanId = 5 });
        await PingsAsync(a, expected: false);
        await plane.Client.PutPortAsync(portA with { VlanMode = PortVlanMode.Access, AccessVlanId = 5 });
        await PingsAsync(a, expected: true);

        await CheckPoliciesAsync(plane, a, portA with { VlanMode = PortVlanMode.Untagged, AccessVlanId = 0 }, portB with { VlanMode = PortVlanMode.Untagged, AccessVlanId = 0 });
        await plane.Client.PutPortAsync(portA with { VlanMode = PortVlanMode.Access, AccessVlanId = 5 });
        await plane.Client.PutPortAsync(portB with { VlanMode = PortVlanMode.Access, AccessVlanId = 5 });
        await PingsAsync(a, expected: true);
        await b.Shell.CheckAsync("busybox nc -l -p 7007 -e cat >/dev/null 2>&1 </dev/null &");
        await b.Shell.ListensAsync(7007);
        await a.Shell.CheckAsync(": >/tmp/echoed; (i=0; while [ ! -e /tmp/last ]; do i=$((i+1)); echo $i; sleep 0.2; done; echo last) | busybox nc 10.88.0.2 7007 >/tmp/echoed 2>&1 &");
        await EchoesAsync(a, 0);
        for (var round = 0; round < 2; round++)
        {
            var before = await EchoedAsync(a);
            await plane.KillAsync();
            await plane.StartAsync();
            await EchoesAsync(a, before);
        }

        // It was one connection all the time, and nothing of it is missing.
        await a.Shell.CheckAsync("touch /tmp/last");
        await Wait.UntilAsync("the last line", async () => (await a.Shell.CheckAsync("tail -n 1 /tmp/echoed")).Trim() == "last", TimeSpan.FromMinutes(1));
        await a.Shell.CheckAsync("sed '$d' /tmp/echoed >/tmp/numbers; seq $(wc -l </tmp/numbers) | cmp - /tmp/numbers");

        // A cable that is moved to nowhere and back; the guest's adapter stays.
        await plane.Client.RemoveSwitchAsync(lan.Id);
        await PingsAsync(a, expected: false);
        Assert.All(await plane.Client.ListPortsAsync(), port => Assert.Null(port.Port.SwitchId));
        await plane.Client.PutSwitchAsync(lan with { Name = "Another" });
        await plane.Client.PutPortAsync(portA);
        await plane.Client.PutPortAsync(portB);
        await PingsAsync(a, expected: true);
    }

    /// <summary>Rules change under running guests; each is shown to let pass what it should and to stop what it should.</summary>
    private static async Task CheckPoliciesAsync(PlaneProcess plane, PlainGuest a, PortSpecification portA, PortSpecification portB)
    {
        var guarded = new PortPolicySpecification { SpoofGuard = true, DhcpGuard = true, RouterGuard = true };
        await plane.Client.PutPortAsync(portA with { Policy = guarded });
        await plane.Client.PutPortAsync(portB with { Policy = guarded });
        await PingsAsync(a, expected: true);

        // A guest that takes another Ethernet address is heard no more, and then again.
        var own = (await a.Shell.CheckAsync("cat /sys/class/net/eth0/address")).Trim();
        await a.Shell.CheckAsync("ip link set eth0 address 02:00:00:00:00:99");
        await PingsAsync(a, expected: false);
        Assert.True((await plane.Client.GetPortAsync(portA.Id)).Statistics.Dropped["MacSpoofed"] > 0);
        await a.Shell.CheckAsync($"ip link set eth0 address {own}");
        await PingsAsync(a, expected: true);

        // Two isolated guests of a private VLAN do not meet; one of them promiscuous, they do.
        var isolated = guarded with { PrivateVlanMode = PrivateVlanMode.Isolated, PrimaryVlanId = 2, SecondaryVlanIds = [4] };
        await plane.Client.PutPortAsync(portA with { VlanMode = PortVlanMode.Private, Policy = isolated });
        await plane.Client.PutPortAsync(portB with { VlanMode = PortVlanMode.Private, Policy = isolated });
        await PingsAsync(a, expected: false);
        await plane.Client.PutPortAsync(portB with
        {
            VlanMode = PortVlanMode.Private,
            Policy = isolated with { PrivateVlanMode = PrivateVlanMode.Promiscuous, SecondaryVlanIds = [4, 5] },
        });
        await PingsAsync(a, expected: true);

        // An access rule, and a meter that goes on counting.
        PortAclSpecification meter = new(PortAclAction.Meter, PortAclDirection.Both, null, "10.88.0.0/24");
        await plane.Client.PutPortAsync(portB with { Policy = guarded with { Acls = [meter, new(PortAclAction.Deny, PortAclDirection.Inbound, null, "10.88.0.1")] } });
        await plane.Client.PutPortAsync(portA with { Policy = guarded });
        await PingsAsync(a, expected: false);
        await plane.Client.PutPortAsync(portB with { Policy = guarded with { Acls = [meter], MaximumBandwidth = 10_000_000 } });
        await PingsAsync(a, expected: true);
        Assert.True((await plane.Client.GetPortAsync(portB.Id)).Acls!.Single().Frames > 0);
    }

    private static PortSpecification Port(PlaneProcess plane, SwitchSpecification lan, string address)
    {
        var id = Guid.NewGuid();
        return new PortSpecification(id, lan.Id, PortKind.VhostUser, plane.Paths.PortSocket(id), null, address);
    }

    private static PlainGuestOptions Options(string disk, PortSpecification port) => new(Generation: 1)
    {
        MemoryMegabytes = 192,
        Processors = port.QueuePairs,
        Arguments =
        [
            "-drive", $"file={disk},format=raw,if=virtio,snapshot=on",
            "-chardev", $"socket,id=net0,path={port.SocketPath},reconnect=1",
            "-netdev", $"vhost-user,id=net0,chardev=net0,queues={port.QueuePairs}",
            "-device", $"virtio-net-pci,netdev=net0,vectors=0,mq={(port.QueuePairs > 1 ? "on" : "off")},mac={string.Join(':', port.MacAddress.Chunk(2).Select(pair => new string(pair)))}",
        ],
    };

    private static async Task PingsAsync(PlainGuest guest, bool expected)
    {
        if (expected)
        {
            await Wait.UntilAsync(
                "an answer to a ping", async () => (await guest.Shell.RunAsync("ping -c 1 -W 1 10.88.0.2")).ExitCode == 0, TimeSpan.FromMinutes(1));
        }
        else
        {
            Assert.NotEqual(0, (await guest.Shell.RunAsync("ping -c 1 -W 1 10.88.0.2")).ExitCode);
        }
    }

    private static async Task<int> EchoedAsync(PlainGuest guest) => int.Parse((await guest.Shell.CheckAsync("wc -l </tmp/echoed")).Trim(), CultureInfo.InvariantCulture);

    // A few lines more than were on their way.
    private static Task EchoesAsync(PlainGuest guest, int before) =>
        Wait.UntilAsync("the connection to go on", async () => await EchoedAsync(guest) > before + 5, TimeSpan.FromMinutes(2));
}
