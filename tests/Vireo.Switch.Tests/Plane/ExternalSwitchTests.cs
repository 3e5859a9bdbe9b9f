using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Plane;

/// <summary>
/// A plane in a network namespace with a cable to another one: real kernels on both ends of an uplink and of a management adapter.
/// </summary>
public sealed class ExternalSwitchTests : IAsyncLifetime
{
    private readonly TestNetwork _host = new("host");
    private readonly TestNetwork _remote = new("remote");
    private readonly SwitchSpecification _external = new(Guid.NewGuid(), "External", SwitchKind.External, "cable0");
    private readonly PortSpecification _adapter;
    private PlaneProcess _plane = null!;

    /// <summary>Sets up; what was made before a step failed is taken down again, because nobody else does it then.</summary>
    public async Task InitializeAsync()
    {
        try
        {
            await SetUpAsync();
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public ExternalSwitchTests() =>
        _adapter = new PortSpecification(Guid.NewGuid(), _external.Id, PortKind.Tap, null, "vmgmt0", "02155D0000AA");

    public async Task DisposeAsync()
    {
        if (_plane is not null)
        {
            await _plane.DisposeAsync();
        }

        _host.Dispose();
        _remote.Dispose();
    }

    [Fact]
    [Requirement("SW-1")]
    [Requirement("SW-14")]
    public async Task Ping_and_tcp_with_offloads_pass_between_the_wire_and_the_management_adapter()
    {
        Assert.True(_remote.Pings("10.77.0.2"));
        Assert.True(_host.Pings("10.77.0.1"));
        Assert.Contains("02:15:5d:00:00:aa", _remote.Ip("neighbour", "show", "10.77.0.2"), StringComparison.Ordinal);
        foreach (var reverse in new[] { "", "--reverse" })
        {
            using var server = _host.Start("iperf3", "--server", "--one-off", "--bind", "10.77.0.2");
            await Wait.UntilAsync("iperf3 to listen", () => _host.Run("ss", "-Hltn").Contains(":5201", StringComparison.Ordinal));
            string[] arguments = ["--client", "10.77.0.2", "--bytes", "20M", .. reverse.Length == 0 ? Array.Empty<string>() : [reverse]];
            Assert.Contains("receiver", _remote.Run("iperf3", arguments), StringComparison.Ordinal);
            await server.WaitForExitAsync();
            Assert.Equal(0, server.ExitCode);
        }

        var status = Assert.Single(await _plane.Client.ListSwitchesAsync());
        Assert.Null(status.Fault);
        Assert.True(status.LearnedAddresses >= 2);
        // The sender ends when it has sent 20 MiB, of which some may still be on the way.
        Assert.InRange(status.Uplink!.BytesIn, 10_000_000, long.MaxValue);
        Assert.InRange(status.Ports.Single().Statistics.BytesOut, 10_000_000, long.MaxValue);
    }

    [Fact]
    [Requirement("SW-2")]
    public async Task Between_two_hosts_the_tag_on_the_wire_keeps_vlans_apart()
    {
        _remote.Run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
        await using var other = await PlaneProcess.StartAsync(_remote);
        var far = new SwitchSpecification(Guid.NewGuid(), "Far", SwitchKind.External, "cable1");
        await other.Client.PutSwitchAsync(far);
        await other.Client.PutPortAsync(new PortSpecification(
            Guid.NewGuid(), far.Id, PortKind.Tap, null, "vfar0", "02155D0000BB", PortVlanMode.Access, AccessVlanId: 7));
        _remote.Ip("address", "add", "10.77.7.1/24", "dev", "vfar0");

        Assert.False(_remote.Pings("10.77.7.2", 3));
        await _plane.Client.PutPortAsync(_adapter with { VlanMode = PortVlanMode.Access, AccessVlanId = 7 });
        Assert.True(_remote.Pings("10.77.7.2"));
        Assert.False(_remote.Pings("10.77.0.2", 3));
        using var sniffer = _remote.Start("tshark", "-l", "-i", "cable1", "-c", "20", "-Y", "vlan.id == 7 && icmp", "-T", "fields", "-e", "vlan.id", "-e", "ip.src");
        var seen = sniffer.StandardOutput.ReadToEndAsync();
        await Wait.UntilAsync("tshark to see the tag", () =>
        {
            Assert.True(_remote.Pings("10.77.7.2"));
            return sniffer.HasExited;
        });
        Assert.Contains("7\t10.77.7.1", await seen, StringComparison.Ordinal);
        await _plane.Client.PutPortAsync(_adapter with { VlanMode = PortVlanMode.Access, AccessVlanId = 8 });
        Assert.False(_remote.Pings("10.77.7.2", 3));
    }

    [Fact]
    [Requirement("VM-10")]
    public async Task A_plane_that_was_killed_comes_back_alone_with_addresses_and_all()
    {
        Assert.True(_remote.Pings("10.77.0.2"));
        await _plane.KillAsync();
        var refused = await Assert.ThrowsAsync<PlaneUnreachableException>(() => _plane.Client.ListSwitchesAsync());
        Assert.Equal("PlaneUnreachable", refused.Error.ErrorId);
        Assert.False(_remote.Pings("10.77.0.2", 2));
        await _plane.StartAsync();
        Assert.True(_remote.Pings("10.77.0.2"));
        Assert.Equal(0, await _plane.StopAsync());
        await _plane.StartAsync();
        Assert.True(_remote.Pings("10.77.0.2"));
        var status = Assert.Single(await _plane.Client.ListSwitchesAsync());
        Assert.Equal(_external, status.Switch);
        Assert.Equal(_adapter.Id, Assert.Single(status.Ports).Port.Id);

        // Removing takes the interface away; removing again changes nothing.
        await _plane.Client.RemovePortAsync(_adapter.Id);
        await _plane.Client.RemovePortAsync(_adapter.Id);
        Assert.DoesNotContain("vmgmt0", _host.Ip("-brief", "link"), StringComparison.Ordinal);
        await _plane.Client.RemoveSwitchAsync(_external.Id);
        Assert.Empty(await _plane.Client.ListSwitchesAsync());
    }

    [Fact]
    [Requirement("SW-4")]
    [Requirement("SW-6")]
    [Requirement("RM-2")]
    public async Task A_policy_holds_for_a_real_kernel_changes_under_traffic_and_its_meters_outlive_the_plane()
    {
        PortAclSpecification meter = new(PortAclAction.Meter, PortAclDirection.Both, null, "10.77.0.0/24");
        var guarded = _adapter with { Policy = new PortPolicySpecification { SpoofGuard = true, Acls = [meter] } };
        await _plane.Client.PutPortAsync(guarded);
        Assert.True(_remote.Pings("10.77.0.2", 5));
        _host.Ip("link", "set", "vmgmt0", "address", "02:15:5d:00:00:ee");
        _host.Ip("neighbour", "flush", "all");
        Assert.False(_host.Pings("10.77.0.1", 2));
        Assert.True((await _plane.Client.GetPortAsync(_adapter.Id)).Statistics.Dropped["MacSpoofed"] > 0);
        _host.Ip("link", "set", "vmgmt0", "address", "02:15:5d:00:00:aa");
        Assert.True(_remote.Pings("10.77.0.2", 5));

        // The far end's address was noticed, so the guarded port cannot take it.
        _host.Ip("address", "add", "10.77.0.1/32", "dev", "vmgmt0");
        _host.Run("busybox", "arping", "-U", "-c", "2", "-I", "vmgmt0", "10.77.0.1");
        Assert.True((await _plane.Client.GetPortAsync(_adapter.Id)).Statistics.Dropped["AddressSpoofed"] > 0);
        _host.Ip("address", "del", "10.77.0.1/32", "dev", "vmgmt0");

        await _plane.Client.PutPortAsync(guarded with { Policy = guarded.Policy with { Acls = [meter, new(PortAclAction.Deny, PortAclDirection.Inbound, null, "10.77.0.1")] } });
        Assert.False(_remote.Pings("10.77.0.2", 2));
        await _plane.Client.PutPortAsync(guarded);
        Assert.True(_remote.Pings("10.77.0.2", 5));
        var counted = Assert.Single((await _plane.Client.GetPortAsync(_adapter.Id)).Acls!);
        Assert.True(counted.Frames >= 4);
        Assert.Equal(0, await _plane.StopAsync());
        await _plane.StartAsync();
        var after = Assert.Single((await _plane.Client.GetPortAsync(_adapter.Id)).Acls!);
        Assert.Equal(meter, after.Rule);
        Assert.True(after.Frames >= counted.Frames && after.Bytes >= counted.Bytes);
        Assert.True(_remote.Pings("10.77.0.2", 5));
    }

    [Fact]
    public async Task An_uplink_that_loses_its_link_works_again_when_the_link_is_back()
    {
        Assert.True(_remote.Pings("10.77.0.2"));
        _host.Ip("link", "set", "cable0", "down");
        Assert.False(_remote.Pings("10.77.0.2", 2));
        _host.Ip("link", "set", "cable0", "up");
        Assert.True(_remote.Pings("10.77.0.2"));

        // One that vanishes is reported, and taken again when it is asked for again.
        _host.Ip("link", "del", "cable0");
        await Wait.UntilAsync("the loss to be reported", async () => (await _plane.Client.GetSwitchAsync(_external.Id)).Fault?.Contains("cable0", StringComparison.Ordinal) == true);
        TestNetwork.Connect(_host, "cable0", _remote, "cable1");
        _remote.Ip("address", "add", "10.77.0.1/24", "dev", "cable1");
        await _plane.Client.PutSwitchAsync(_external);
        Assert.True(_remote.Pings("10.77.0.2"));
        Assert.Null((await _plane.Client.GetSwitchAsync(_external.Id)).Fault);

        // One that is gone when the plane starts is reported, and everything else works; asked again, it is taken.
        await _plane.StopAsync();
        _host.Ip("link", "del", "cable0");
        await _plane.StartAsync();
        var status = Assert.Single(await _plane.Client.ListSwitchesAsync());
        Assert.Contains("There is no network interface 'cable0'", status.Fault, StringComparison.Ordinal);
        TestNetwork.Connect(_host, "cable0", _remote, "cable1");
        _remote.Ip("address", "add", "10.77.0.1/24", "dev", "cable1");
        await _plane.Client.PutSwitchAsync(_external);
        Assert.Null(Assert.Single(await _plane.Client.ListSwitchesAsync()).Fault);
        Assert.True(_remote.Pings("10.77.0.2"));
    }

    [Fact]
    public async Task A_management_adapter_that_somebody_removed_is_reported_and_made_anew()
    {
        _host.Ip("link", "del", "vmgmt0");
        await Wait.UntilAsync("the loss to be reported", async () => (await _plane.Client.GetPortAsync(_adapter.Id)).Fault is not null);
        Assert.False((await _plane.Client.GetPortAsync(_adapter.Id)).Connected);

        // The packet thread is not kept awake by it.
        var last = -1L;
        await Wait.UntilAsync("the packet thread to sleep", async () =>
        {
            var now = (await _plane.Client.GetHealthAsync()).Sleeps;
            var isQuiet = now - last <= 2;
            last = now;
            return isQuiet;
        });
        await _plane.Client.PutPortAsync(_adapter);
        _host.Ip("address", "add", "10.77.0.2/24", "dev", "vmgmt0");
        Assert.True(_remote.Pings("10.77.0.2"));
        Assert.Null((await _plane.Client.GetPortAsync(_adapter.Id)).Fault);
    }

    [Fact]
    [Requirement("SW-11")]
    public async Task A_trace_tells_of_real_frames_and_writes_them_while_the_switch_works()
    {
        using var folder = new TempFolder();
        await RefusedAsync("InvalidParameter", "bananas", _plane.Client.PutTraceAsync(Guid.NewGuid(), new TraceRequest("bananas", Capture: new CaptureRequest(folder["x.pcapng"]))));
        await RefusedAsync("InvalidParameter", "absolute", _plane.Client.PutTraceAsync(Guid.NewGuid(), new TraceRequest(Capture: new CaptureRequest("x.pcapng"))));
        var id = Guid.NewGuid();
        var writing = new TraceRequest("icmp", Capture: new CaptureRequest(folder["ping.pcapng"], Text: true));
        await _plane.Client.PutTraceAsync(id, writing);
        await _plane.Client.PutTraceAsync(id, writing);

        List<FrameReport> told = [];
        using var enough = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var following = _plane.Client.TraceAsync(
            new TraceRequest("icmp and src host 10.77.0.1", Ports: [_adapter.Id]),
            report =>
            {
                told.Add(report);
                enough.Cancel();
            },
            enough.Token);
        await Wait.UntilAsync("both traces", async () => (await _plane.Client.ListTracesAsync()).Count == 2);
        await _plane.Client.PutPortAsync(_adapter with { Policy = new PortPolicySpecification { Acls = [new(PortAclAction.Deny, PortAclDirection.Inbound, null, "10.77.0.1")] } });
        Assert.False(_remote.Pings("10.77.0.2", 2));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => following);
        var dropped = told[0];
        Assert.Equal((TraceDecision.Dropped, "AclDenied", "Deny Inbound local ANY remote 10.77.0.1"), (dropped.Decision, dropped.Reason, dropped.Rule));
        Assert.Equal((_external.Id, _external.Id), (dropped.Port, dropped.SwitchId));
        await _plane.Client.PutPortAsync(_adapter);
        Assert.True(_remote.Pings("10.77.0.2"));
        await Wait.UntilAsync("one trace", async () => (await _plane.Client.ListTracesAsync()).Count == 1);
        await _plane.Client.RemoveTraceAsync(id);
        await _plane.Client.RemoveTraceAsync(id);
        Assert.Empty(await _plane.Client.ListTracesAsync());
        var lines = Peer.Run("tshark", "-r", folder["ping.pcapng"], "-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment").Split('\n');
        Assert.Contains(lines, line => line.StartsWith("cable0\tcable0 in: dropped: AclDenied at Acl of vmgmt0", StringComparison.Ordinal));
        Assert.Contains("vmgmt0\tvmgmt0 out: delivered, from cable0", lines);
        Assert.Contains("AclDenied", File.ReadAllText(folder["ping.txt"]), StringComparison.Ordinal);

        // One that cannot go on says so and ends as any other.
        Directory.CreateDirectory(folder["gone"]);
        await _plane.Client.PutTraceAsync(id, new TraceRequest("icmp", Capture: new CaptureRequest(folder["gone/ping.pcapng"], FileBytes: 4096)));
        Directory.Delete(folder["gone"], recursive: true);
        await Wait.UntilAsync("the trace to fail", async () =>
        {
            Assert.True(_remote.Pings("10.77.0.2", 5));
            return (await _plane.Client.ListTracesAsync()).Single().Fault?.Contains("gone", StringComparison.Ordinal) == true;
        });
        await _plane.Client.RemoveTraceAsync(id);
        Assert.Empty(await _plane.Client.ListTracesAsync());
    }

    [Theory]
    [InlineData("10.77.0.2", "10.77.0.1")]
    [InlineData("fd77::2", "fd77::1")]
    [Requirement("SW-15")]
    public async Task A_test_of_the_way_is_answered_by_a_real_kernel_or_says_where_it_ends(string here, string there)
    {
        _host.Run("ip", "-6", "address", "add", "fd77::2/64", "dev", "vmgmt0", "nodad");
        _remote.Run("ip", "-6", "address", "add", "fd77::1/64", "dev", "cable1", "nodad");
        await Wait.UntilAsync("the way to work", () => _host.Pings(there, 1));
        var answered = await _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest(here, there, 7, PayloadBytes: 56, WaitMilliseconds: 60_000));
        Assert.True(answered.Milliseconds >= 0);
        Assert.Equal([_external.Id], answered.Request!.Receivers);
        Assert.Equal([_adapter.Id], answered.Answer!.Receivers);

        var expected = _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest(there, here, 1, IsReceiver: true, WaitMilliseconds: 60_000));
        await Wait.UntilAsync("the test to come", () =>
        {
            Assert.True(_remote.Pings(here, 5));
            return expected.IsCompleted;
        });
        Assert.Equal(_external.Id, (await expected).Request!.Port);

        // Nobody there; and a rule that forbids it.
        var lost = await _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest(here, there, 8, NextHop: "02155D0000FE", WaitMilliseconds: 50));
        Assert.Null(lost.Answer);
        await RefusedAsync("ObjectNotFound", "next hop", _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest(here, here.Contains(':', StringComparison.Ordinal) ? "fd99::1" : "192.0.2.1", 8)));
        await RefusedAsync("InvalidParameter", "two IPv4", _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest("10.0.0.1", "fd00::1", 8)));
        await RefusedAsync("InvalidParameter", "65535", _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest(here, there, 70_000)));
        await _plane.Client.PutPortAsync(_adapter with { Policy = new PortPolicySpecification { Acls = [new(PortAclAction.Deny, PortAclDirection.Outbound, null, there)] } });
        var denied = await _plane.Client.ProbeAsync(_adapter.Id, new ProbeRequest(here, there, 9, WaitMilliseconds: 60_000));
        Assert.Equal((TraceDecision.Dropped, "AclDenied", $"Deny Outbound local ANY remote {there}"), (denied.Request!.Decision, denied.Request.Reason, denied.Request.Rule));
        Assert.Null(denied.Answer);
    }

    [Fact]
    public async Task Refusals_name_the_fault_and_change_nothing()
    {
        var client = _plane.Client;
        await RefusedAsync("InvalidParameter", "nope0", client.PutSwitchAsync(_external with { Id = Guid.NewGuid(), ExternalInterface = "nope0" }));
        await RefusedAsync("InvalidParameter", "lo", client.PutSwitchAsync(_external with { Id = Guid.NewGuid(), ExternalInterface = "lo" }));
        await RefusedAsync("InvalidParameter", "needs a network interface", client.PutSwitchAsync(_external with { Id = Guid.NewGuid(), ExternalInterface = null }));
        await RefusedAsync("ObjectInUse", "'External'", client.PutSwitchAsync(_external with { Id = Guid.NewGuid() }));
        await RefusedAsync("ObjectInUse", "management adapter", client.PutSwitchAsync(_external with { Id = Guid.NewGuid(), ExternalInterface = "vmgmt0" }));
        await RefusedAsync("ObjectNotFound", "There is no switch", client.PutPortAsync(_adapter with { SwitchId = Guid.NewGuid() }));
        await RefusedAsync("ObjectInUse", "vmgmt0", client.PutPortAsync(_adapter with { Id = Guid.NewGuid() }));
        await RefusedAsync("ObjectInUse", "cable0", client.PutPortAsync(_adapter with { Id = Guid.NewGuid(), InterfaceName = "cable0" }));
        await RefusedAsync("InvalidParameter", "4095", client.PutPortAsync(_adapter with { VlanMode = PortVlanMode.Access, AccessVlanId = 4095 }));
        await RefusedAsync("InvalidParameter", "twelve hexadecimal digits", client.PutPortAsync(_adapter with { MacAddress = "01005E000001" }));
        await RefusedAsync("InvalidParameter", "15 letters", client.PutPortAsync(_adapter with { InterfaceName = "much-too-long-a-name" }));
        await RefusedAsync("InvalidParameter", "absolute path", client.PutPortAsync(_adapter with { Id = Guid.NewGuid(), Kind = PortKind.VhostUser, SocketPath = "here" }));
        await RefusedAsync("InvalidParameter", "not both", client.PutPortAsync(_adapter with { Policy = new() { MinimumBandwidthWeight = 1, MinimumBandwidthAbsolute = 1 } }));
        await RefusedAsync("InvalidParameter", "has no minimum bandwidth", client.PutPortAsync(_adapter with { Policy = new() { MinimumBandwidthWeight = 1 } }));
        var absolute = _external with { BandwidthMode = MinimumBandwidthMode.Absolute };
        await client.PutSwitchAsync(absolute);
        await RefusedAsync("InvalidParameter", "is a weight", client.PutPortAsync(_adapter with { Policy = new() { MinimumBandwidthWeight = 1 } }));

        // A cable between two namespaces says that it carries ten gigabits.
        await RefusedAsync("InvalidParameter", "10000000000", client.PutPortAsync(_adapter with { Policy = new() { MinimumBandwidthAbsolute = 11_000_000_000 } }));
        await client.PutPortAsync(_adapter with { Policy = new() { MinimumBandwidthAbsolute = 6_000_000_000 } });
        await RefusedAsync("InvalidParameter", "lower one", client.PutSwitchAsync(absolute with { DefaultFlowMinimumBandwidth = 5_000_000_000 }));
        await RefusedAsync("InvalidParameter", "by weights", client.PutSwitchAsync(absolute with { BandwidthMode = MinimumBandwidthMode.Weight }));
        Assert.True(_remote.Pings("10.77.0.2"));
        await client.PutPortAsync(_adapter);
        await client.PutSwitchAsync(_external);
        TestNetwork.Connect(_host, "spare0", _remote, "spare1");
        await RefusedAsync("ObjectInUse", "not a tap", client.PutPortAsync(_adapter with { Id = Guid.NewGuid(), InterfaceName = "spare0" }));
        var status = Assert.Single(await client.ListSwitchesAsync());
        Assert.Equal(_adapter, Assert.Single(status.Ports).Port);
        Assert.Equal(["cable0", "spare0"], (await client.ListInterfacesAsync()).Select(one => one.Name).Order(StringComparer.Ordinal));
        Assert.True(_remote.Pings("10.77.0.2"));
    }

    [Fact]
    public async Task A_second_plane_on_the_same_root_steps_back()
    {
        var second = Peer.TryRun("ip", "netns", "exec", _host.Name, Path.Combine(AppContext.BaseDirectory, "vireo-switch"), "--root", _plane.Paths.State);
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("Another switch plane", second.Error, StringComparison.Ordinal);
        Assert.Single(await _plane.Client.ListSwitchesAsync());
    }

    private static async Task RefusedAsync(string id, string says, Task request)
    {
        var refused = await Assert.ThrowsAsync<ControlException>(() => request);
        Assert.Equal(id, refused.Error.ErrorId);
        Assert.Contains(says, refused.Error.Message, StringComparison.Ordinal);
    }

    private async Task SetUpAsync()
    {
        TestNetwork.Connect(_host, "cable0", _remote, "cable1");

        // Both the uplink and the management adapter are interfaces of one kernel, which answers ARP on any of them unless told.
        _host.Run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
        _remote.Ip("address", "add", "10.77.0.1/24", "dev", "cable1");
        _plane = await PlaneProcess.StartAsync(_host);
        await _plane.Client.PutSwitchAsync(_external);
        await _plane.Client.PutPortAsync(_adapter);
        _host.Ip("address", "add", "10.77.0.2/24", "dev", "vmgmt0");
        _host.Ip("address", "add", "10.77.7.2/24", "dev", "vmgmt0");
    }
}
