using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>What scripts set at an adapter is what they read again, after a restart too, and it is in force at the port.</summary>
public sealed class NetworkPolicyTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("SW-15")]
    [Requirement("PS-1")]
    public async Task An_adapters_policy_is_read_as_it_was_set()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "policy" });
        try
        {
            var plain = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "policy" }));
            Assert.Equal(100, (int)plain["VmqWeight"]!);
            Assert.Equal(("Off", "Off", "None"), (Text(plain, "MacAddressSpoofing"), Text(plain, "DhcpGuard"), Text(plain, "PortMirroringMode")));
            var set = Assert.Single(await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new
            {
                VMName = "policy",
                MacAddressSpoofing = "On",
                DhcpGuard = "On",
                RouterGuard = "On",
                PortMirroring = "Source",
                StormLimit = 500,
                VmqWeight = 30,
                MaximumBandwidth = 100_000_000,
                IeeePriorityTag = "On",
                AllowTeaming = "On",
                Passthru = true,
            }));
            var read = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "policy" }));
            foreach (var one in new[] { set, read })
            {
                Assert.All(
                    new[] { "MacAddressSpoofing", "DhcpGuard", "RouterGuard", "IeeePriorityTag", "AllowTeaming" },
                    property => Assert.Equal("On", Text(one, property)));
                Assert.Equal("Source", Text(one, "PortMirroringMode"));
                Assert.Equal((500, 30), ((int)one["StormLimit"]!, (int)one["VmqWeight"]!));
                Assert.Equal(100_000_000, (long)one["BandwidthSetting"]!["MaximumBandwidth"]!);
            }

            // What is not named stays.
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "policy", DhcpGuard = "Off" });
            read = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "policy" }));
            Assert.Equal(("Off", "On"), (Text(read, "DhcpGuard"), Text(read, "RouterGuard")));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "policy", Force = true });
        }
    }

    [Fact]
    [Requirement("SW-2")]
    [Requirement("SW-3")]
    public async Task Every_vlan_mode_can_be_set_and_read()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "vlans" });
        try
        {
            Assert.Equal("Untagged", Text(await VlanAsync(), "OperationMode"));
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "vlans", Trunk = true, AllowedVlanIdList = "10-12,20", NativeVlanId = 10 });
            var trunk = await VlanAsync();
            Assert.Equal(("Trunk", "[10,11,12,20]", 10), (Text(trunk, "OperationMode"), trunk["AllowedVlanIdList"]!.ToJsonString(), (int)trunk["NativeVlanId"]!));
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "vlans", Community = true, PrimaryVlanId = 2, SecondaryVlanId = 5 });
            var community = await VlanAsync();
            Assert.Equal(
                ("Private", "Community", 2, 5, "[]"),
                (Text(community, "OperationMode"), Text(community, "PrivateVlanMode"), (int)community["PrimaryVlanId"]!, (int)community["SecondaryVlanId"]!, community["AllowedVlanIdList"]!.ToJsonString()));
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "vlans", Promiscuous = true, PrimaryVlanId = 2, SecondaryVlanIdList = "4,5" });
            Assert.Equal("[4,5]", (await VlanAsync())["SecondaryVlanIdList"]!.ToJsonString());
            var passed = Assert.Single(await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "vlans", Access = true, VlanId = 7, Passthru = true }));
            Assert.Equal(("Access", 7, 0), (Text(passed, "OperationMode"), (int)passed["AccessVlanId"]!, (int)passed["PrimaryVlanId"]!));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "vlans", Force = true });
        }

        async Task<JsonNode> VlanAsync() => Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterVlan", new { VMName = "vlans" }));
    }

    [Fact]
    [Requirement("SW-6")]
    public async Task Access_rules_are_added_read_and_removed_by_value_and_by_object()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "acls" });
        try
        {
            await host.Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { VMName = "acls", Action = "Deny", Direction = "Both", RemoteIPAddress = new[] { "10.0.0.0/8", "fd00::/16" } });
            await host.Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { VMName = "acls", Action = "Meter", Direction = "Outbound", RemoteIPAddress = new[] { "ANY" } });
            await host.Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { VMName = "acls", Action = "Allow", Direction = "Inbound", LocalMacAddress = new[] { "02-15-5d-00-00-01" } });
            var rules = await host.Client.ObjectsAsync("Get-VMNetworkAdapterAcl", new { VMName = "acls" });
            Assert.Equal(["10.0.0.0/8", "fd00::/16", "ANY", "ANY"], rules.Select(rule => Text(rule, "RemoteAddress")));
            Assert.Equal("02155D000001", Text(rules[3], "LocalAddress"));
            var twice = await host.Client.ErrorAsync("Add-VMNetworkAdapterAcl", new { VMName = "acls", Action = "Deny", Direction = "Both", RemoteIPAddress = new[] { "10.0.0.0/8" } });
            Assert.Equal("ResourceExists", Text(twice, "errorId"));
            await host.Client.ObjectsAsync("Remove-VMNetworkAdapterAcl", new { VMName = "acls", Action = "Meter", Direction = "Outbound", RemoteIPAddress = new[] { "ANY" } });
            await host.Client.ObjectsAsync("Remove-VMNetworkAdapterAcl", new { InputObject = new[] { rules[0].DeepClone() } });
            Assert.Equal(2, (await host.Client.ObjectsAsync("Get-VMNetworkAdapterAcl", new { VMName = "acls" })).Count());
            var missing = await host.Client.ErrorAsync("Remove-VMNetworkAdapterAcl", new { InputObject = new[] { rules[0].DeepClone() } });
            Assert.Equal("InvalidParameter", Text(missing, "errorId"));

            await host.Client.ObjectsAsync("Add-VMNetworkAdapterExtendedAcl", new { VMName = "acls", Action = "Deny", Direction = "Inbound", Weight = 1 });
            await host.Client.ObjectsAsync(
                "Add-VMNetworkAdapterExtendedAcl", new { VMName = "acls", Action = "Allow", Direction = "Inbound", Weight = 10, LocalPort = "80", Protocol = "tcp", Stateful = true, IdleSessionTimeout = 60 });
            var extended = await host.Client.ObjectsAsync("Get-VMNetworkAdapterExtendedAcl", new { VMName = "acls" });
            Assert.Equal([10, 1], extended.Select(rule => (int)rule["Weight"]!));
            Assert.Equal(("TCP", "80", "ANY"), (Text(extended[0], "Protocol"), Text(extended[0], "LocalPort"), Text(extended[0], "RemoteIPAddress")));
            var taken = await host.Client.ErrorAsync("Add-VMNetworkAdapterExtendedAcl", new { VMName = "acls", Action = "Allow", Direction = "Inbound", Weight = 10 });
            Assert.Equal("ResourceExists", Text(taken, "errorId"));
            await host.Client.ObjectsAsync("Remove-VMNetworkAdapterExtendedAcl", new { VMName = "acls", Direction = "Inbound", Weight = 1 });
            await host.Client.ObjectsAsync("Remove-VMNetworkAdapterExtendedAcl", new { InputObject = new[] { extended[0].DeepClone() } });
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMNetworkAdapterExtendedAcl", new { VMName = "acls" }));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "acls", Force = true });
        }
    }

    [Fact]
    [Requirement("SW-15")]
    public async Task An_adapter_of_the_management_operating_system_has_a_policy_too()
    {
        await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "inside", SwitchType = "Internal" });
        try
        {
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { ManagementOS = true, Name = "inside", DhcpGuard = "On" });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { ManagementOS = true, VMNetworkAdapterName = "inside", Access = true, VlanId = 9 });
            await host.Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { ManagementOS = true, VMNetworkAdapterName = "inside", Action = "Meter", Direction = "Both", RemoteIPAddress = new[] { "ANY" } });
            var adapter = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { ManagementOS = true, Name = "inside" }));
            Assert.Equal(("On", 9), (Text(adapter, "DhcpGuard"), (int)adapter["VlanSetting"]!["AccessVlanId"]!));

            // The plane itself counts for the rule, so it is in force there.
            var rule = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterAcl", new { ManagementOS = true, VMNetworkAdapterName = "inside" }));
            Assert.True((long)rule["MeteredBytes"]! >= 0);
            await host.Client.ObjectsAsync("Remove-VMNetworkAdapterAcl", new { InputObject = new[] { rule.DeepClone() } });
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMNetworkAdapterAcl", new { VMNetworkAdapter = new[] { adapter.DeepClone() } }));

            // Objects of it go through pipelines as those of machines do, and what holds at it stays.
            var renamed = Assert.Single(await host.Client.ObjectsAsync("Rename-VMNetworkAdapter", new { VMNetworkAdapter = new[] { adapter.DeepClone() }, NewName = "renamed", Passthru = true }));
            Assert.Equal(("renamed", "On", 9), (Text(renamed, "Name"), Text(renamed, "DhcpGuard"), (int)renamed["VlanSetting"]!["AccessVlanId"]!));
            await host.Client.ObjectsAsync("Remove-VMNetworkAdapter", new { VMNetworkAdapter = new[] { renamed.DeepClone() } });
            Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Remove-VMNetworkAdapter", new { VMNetworkAdapter = new[] { renamed.DeepClone() } }))["errorId"]);
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "inside", Force = true });
        }
    }

    [Fact]
    [Requirement("QS-2")]
    [Requirement("QS-3")]
    public async Task Minimum_bandwidth_is_set_as_the_switch_takes_it_and_refused_with_a_reason_otherwise()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "shares" });
        try
        {
            var weights = Assert.Single(await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "weights", SwitchType = "Private" }));
            var bits = Assert.Single(await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "bits", SwitchType = "Internal", MinimumBandwidthMode = "Absolute" }));
            await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "nothing", SwitchType = "Private", MinimumBandwidthMode = "None" });
            Assert.Equal(("Weight", "Absolute"), (Text(weights, "BandwidthReservationMode"), Text(bits, "BandwidthReservationMode")));
            var changed = Assert.Single(await host.Client.ObjectsAsync("Set-VMSwitch", new { Name = "weights", DefaultFlowMinimumBandwidthWeight = 3, Passthru = true }));
            Assert.Equal((3, 0), ((int)changed["DefaultFlowMinimumBandwidthWeight"]!, (int)changed["DefaultFlowMinimumBandwidthAbsolute"]!));
            await host.Client.ObjectsAsync("Set-VMSwitch", new { Name = "bits", DefaultFlowMinimumBandwidthAbsolute = 1_000_000 });
            await AssertRefusedAsync("by weights", "Set-VMSwitch", new { Name = "weights", DefaultFlowMinimumBandwidthAbsolute = 5 });

            await host.Client.ObjectsAsync("Connect-VMNetworkAdapter", new { VMName = "shares", SwitchName = "weights" });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "shares", MinimumBandwidthWeight = 20 });
            var adapter = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "shares" }));
            Assert.Equal(20, (int)adapter["BandwidthSetting"]!["MinimumBandwidthWeight"]!);
            await AssertRefusedAsync("by weights", "Set-VMNetworkAdapter", new { VMName = "shares", MinimumBandwidthAbsolute = 1_000_000 });
            await AssertRefusedAsync("in bits per second", "Connect-VMNetworkAdapter", new { VMName = "shares", SwitchName = "bits" });
            await AssertRefusedAsync("has no minimum bandwidth", "Connect-VMNetworkAdapter", new { VMName = "shares", SwitchName = "nothing" });

            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { ManagementOS = true, Name = "bits", MinimumBandwidthAbsolute = 2_000_000 });
            await AssertRefusedAsync("in bits per second", "Set-VMNetworkAdapter", new { ManagementOS = true, Name = "bits", MinimumBandwidthWeight = 2 });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "shares", MinimumBandwidthWeight = 0 });
            await host.Client.ObjectsAsync("Connect-VMNetworkAdapter", new { VMName = "shares", SwitchName = "bits" });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "shares", MinimumBandwidthAbsolute = 4_000_000 });
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "shares", Force = true });
            foreach (var name in new[] { "weights", "bits", "nothing" })
            {
                await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = name, Force = true });
            }
        }
    }

    [Fact]
    [Requirement("SW-15")]
    public async Task An_adapter_is_isolated_by_a_vlan_and_not_by_two_settings_at_once()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "apart" });
        try
        {
            var set = Assert.Single(await host.Client.ObjectsAsync(
                "Set-VMNetworkAdapterIsolation", new { VMName = "apart", IsolationMode = "Vlan", DefaultIsolationID = 12, AllowUntaggedTraffic = true, Passthru = true }));
            var read = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterIsolation", new { VMName = "apart" }));
            foreach (var one in new[] { set, read })
            {
                Assert.Equal(("Vlan", 12, true), (Text(one, "IsolationMode"), (int)one["DefaultIsolationID"]!, (bool)one["AllowUntaggedTraffic"]!));
            }

            var vlan = await VlanAsync();
            Assert.Equal(("Access", 12), (Text(vlan, "OperationMode"), (int)vlan["AccessVlanId"]!));
            await AssertRefusedAsync("isolated", "Set-VMNetworkAdapterVlan", new { VMName = "apart", Access = true, VlanId = 5 });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterIsolation", new { VMName = "apart", AllowUntaggedTraffic = false });
            vlan = await VlanAsync();
            Assert.Equal(("Trunk", "[12]"), (Text(vlan, "OperationMode"), vlan["AllowedVlanIdList"]!.ToJsonString()));
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterIsolation", new { VMName = "apart", IsolationMode = "None" });
            Assert.Equal("Untagged", Text(await VlanAsync(), "OperationMode"));
            await host.Client.ObjectsAsync("Set-VMNetworkAdapterVlan", new { VMName = "apart", Access = true, VlanId = 5 });
            await AssertRefusedAsync("VLAN settings", "Set-VMNetworkAdapterIsolation", new { VMName = "apart", IsolationMode = "Vlan" });
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "apart", Force = true });
        }

        async Task<JsonNode> VlanAsync() => Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapterVlan", new { VMName = "apart" }));
    }

    [Fact]
    [Requirement("SW-15")]
    public async Task An_address_that_an_adapter_has_is_refused_to_another()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "first" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "second" });
        try
        {
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "first", StaticMacAddress = "02-15-5D-AA-00-01" });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "first", StaticMacAddress = "02155DAA0001" });
            var refused = await host.Client.ErrorAsync("Set-VMNetworkAdapter", new { VMName = "second", StaticMacAddress = "02:15:5d:aa:00:01" });
            Assert.Equal("ResourceExists", Text(refused, "errorId"));
            Assert.Contains("'first'", Text(refused, "message"), StringComparison.Ordinal);
            Assert.Equal("ResourceExists", Text(await host.Client.ErrorAsync("Add-VMNetworkAdapter", new { VMName = "second", StaticMacAddress = "02155DAA0001" }), "errorId"));
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "second", StaticMacAddress = "02155DAA0002" });
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = new[] { "first", "second" }, Force = true });
        }
    }

    [Fact]
    [Requirement("SW-11")]
    public async Task A_trace_is_begun_once_ended_once_and_leaves_files_that_open()
    {
        using var folder = new TempFolder();
        await host.Client.ObjectsAsync("Start-VMTrace", new { Level = "Verbose", Path = folder["all.pcapng"] });
        Assert.Equal("InvalidState", Text(await host.Client.ErrorAsync("Start-VMTrace", new { Level = "Error" }), "errorId"));
        await host.Client.ObjectsAsync("Stop-VMTrace", new { });
        Assert.Equal("InvalidState", Text(await host.Client.ErrorAsync("Stop-VMTrace", new { }), "errorId"));
        Peer.Run("tshark", "-r", folder["all.pcapng"]);
        Assert.True(File.Exists(folder["all.txt"]));
        await host.Client.ObjectsAsync("Start-VMTrace", new { Level = "Error" });
        await host.Client.ObjectsAsync("Stop-VMTrace", new { });
    }

    private async Task AssertRefusedAsync(string because, string command, object parameters)
    {
        var refused = await host.Client.ErrorAsync(command, parameters);
        Assert.Equal("InvalidParameter", Text(refused, "errorId"));
        Assert.Contains(because, Text(refused, "message"), StringComparison.Ordinal);
    }

    private static string? Text(JsonNode one, string property) => (string?)one[property];
}
