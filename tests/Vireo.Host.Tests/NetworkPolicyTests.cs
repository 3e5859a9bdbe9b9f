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
            Assert.Equal(("Off", "Off", "None"), (Text(plain, "MacAddressSpoofing"), Text(plain, "DhcpGuard"), Text(plain, "PortMirroringMode")));
            var set = Assert.Single(await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new
            {
                VMName = "policy",
                MacAddressSpoofing = "On",
                DhcpGuard = "On",
                RouterGuard = "On",
                PortMirroring = "Source",
                StormLimit = 500,
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
                Assert.Equal(500, (int)one["StormLimit"]!);
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
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "inside", Force = true });
        }
    }

    private static string? Text(JsonNode one, string property) => (string?)one[property];
}
