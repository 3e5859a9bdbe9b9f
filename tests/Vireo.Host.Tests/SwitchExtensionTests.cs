using System.Text.Json.Nodes;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Host.Switches;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>Extensions of switches by the commands that scripts use: installed, enabled, set, ordered, and the same after a restart.</summary>
public sealed class SwitchExtensionTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const string Firewall = "Stateful firewall";

    [Fact]
    [Requirement("SW-9")]
    [Requirement("SW-13")]
    [Requirement("PS-1")]
    public async Task Extensions_are_installed_enabled_set_ordered_and_stay_over_a_restart()
    {
        await host.Client.ObjectsAsync("Install-VMSystemSwitchExtension", new { Path = new[] { Folder("StatefulFirewall"), Folder("SFlow") } });
        var system = await host.Client.ObjectsAsync("Get-VMSystemSwitchExtension", new { });
        Assert.Equal(
            ["sFlow Capture 1.0.0", "Stateful firewall Filter 1.0.0"],
            system.Select(one => $"{one["Name"]} {one["ExtensionType"]} {one["Version"]}").Where(text => !text.Contains("OpenFlow", StringComparison.Ordinal)));
        await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "extended", SwitchType = "Internal" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "guarded", SwitchName = "extended" });
        try
        {
            Assert.All(await host.Client.ObjectsAsync("Get-VMSwitchExtension", new { VMSwitchName = "extended" }), one => Assert.False((bool)one["Enabled"]!));
            foreach (var name in new[] { Firewall, "sFlow" })
            {
                var enabled = Assert.Single(await host.Client.ObjectsAsync("Enable-VMSwitchExtension", new { Name = name, VMSwitchName = "extended" }));
                Assert.Equal((true, true, ""), ((bool)enabled["Enabled"]!, (bool)enabled["Running"]!, (string?)enabled["Fault"]));
            }

            // The template with the defaults, changed and added; then read, changed and set.
            var template = Assert.Single(await host.Client.ObjectsAsync("Get-VMSystemSwitchExtensionSwitchFeature", new { ExtensionName = Firewall }));
            template["SettingData"]!["Tenants"] = JsonNode.Parse("""[{ "Name": "red", "Rules": [{ "Protocol": "TCP", "LocalPort": "80" }] }]""");
            await host.Client.ObjectsAsync("Add-VMSwitchExtensionSwitchFeature", new { SwitchName = "extended", VMSwitchExtensionFeature = new[] { template } });
            var port = Assert.Single(await host.Client.ObjectsAsync("Get-VMSystemSwitchExtensionPortFeature", new { ExtensionName = Firewall }));
            port["SettingData"]!["Tenant"] = "red";
            await host.Client.ObjectsAsync("Add-VMSwitchExtensionPortFeature", new { VMName = "guarded", VMSwitchExtensionFeature = new[] { port } });
            var management = await host.Client.ObjectsAsync("Add-VMSwitchExtensionPortFeature", new { ManagementOS = true, VMNetworkAdapterName = "extended", VMSwitchExtensionFeature = new[] { port }, Passthru = true });
            Assert.Equal("extended", (string?)Assert.Single(management)["VMNetworkAdapterName"]);

            var set = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionPortFeature", new { ManagementOS = true, VMNetworkAdapterName = "extended" }));
            set["SettingData"]!["Tenant"] = "nobody";
            await RefusedAsync("Set-VMSwitchExtensionPortFeature", new { VMSwitchExtensionFeature = new[] { set } }, "ObjectInUse", "there is no tenant 'nobody'");
            var read = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionPortFeature", new { ManagementOS = true, VMNetworkAdapterName = "extended" }));
            Assert.Equal("red", (string?)read["SettingData"]!["Tenant"]);
            await RefusedAsync("Add-VMSwitchExtensionPortFeature", new { VMName = "guarded", VMSwitchExtensionFeature = new[] { port } }, "ResourceExists", "already");
            await host.Client.ObjectsAsync("Remove-VMSwitchExtensionPortFeature", new { VMName = "guarded", VMSwitchExtensionFeature = new[] { port } });
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMSwitchExtensionPortFeature", new { VMName = "guarded" }));
            var feature = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "extended", ExtensionName = Firewall }));
            feature["SettingData"]!["Tenants"]![0]!["AllowInbound"] = true;
            await host.Client.ObjectsAsync("Set-VMSwitchExtensionSwitchFeature", new { VMSwitchExtensionFeature = new[] { feature } });

            await host.Client.ObjectsAsync("Set-VMSwitchExtensionOrder", new { VMSwitchName = "extended", Name = new[] { "sFlow", Firewall } });
            var data = await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchData", new { SwitchName = "extended" });
            Assert.Equal(["sFlow", "Stateful firewall"], data.Select(one => (string?)one["ExtensionName"]).Order(StringComparer.OrdinalIgnoreCase));
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMSwitchExtensionPortData", new { VMName = "guarded" }));

            await host.KillSwitchPlaneAsync();
            var after = await host.Client.ObjectsAsync("Get-VMSwitchExtension", new { VMSwitchName = "extended" });
            Assert.Equal(["sFlow", Firewall], after.Where(one => (bool)one["Running"]!).Select(one => (string?)one["Name"]));
            feature = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "extended" }));
            Assert.True((bool)feature["SettingData"]!["Tenants"]![0]!["AllowInbound"]!);

            await RefusedAsync("Uninstall-VMSystemSwitchExtension", new { Name = "sFlow" }, "ObjectInUse", "disable it first");
            await host.Client.ObjectsAsync("Disable-VMSwitchExtension", new { Name = "sFlow" });
            await host.Client.ObjectsAsync("Uninstall-VMSystemSwitchExtension", new { Name = "sFlow" });
            Assert.DoesNotContain(await host.Client.ObjectsAsync("Get-VMSystemSwitchExtension", new { }), one => (string?)one["Name"] == "sFlow");
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "guarded", Force = true });
            await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "extended", Force = true });
        }
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task An_extension_may_refuse_the_start_of_a_machine()
    {
        var folder = host["doorkeeper"];
        Directory.CreateDirectory(folder);
        const string assembly = "Vireo.Switch.TestExtensions.dll";
        File.Copy(Path.Combine(AppContext.BaseDirectory.Replace("Vireo.Host.Tests", "Vireo.Switch.TestExtensions", StringComparison.Ordinal), assembly), Path.Combine(folder, assembly));
        await File.WriteAllTextAsync(Path.Combine(folder, "extension.json"), $$"""
            {
              "id": "{{Guid.NewGuid():D}}", "name": "doorkeeper", "vendor": "Tests", "version": "1.0.0", "kind": "Capture", "sdk": "1.0",
              "assembly": "{{assembly}}", "type": "Vireo.Switch.TestExtensions.CountingCapture"
            }
            """);
        await host.Client.ObjectsAsync("Install-VMSystemSwitchExtension", new { Path = new[] { folder } });
        await host.Client.ObjectsAsync("New-VMSwitch", new { Name = "kept", SwitchType = "Private" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "visitor", SwitchName = "kept", NoVHD = true, MemoryStartupBytes = 64 << 20 });
        try
        {
            await host.Client.ObjectsAsync("Enable-VMSwitchExtension", new { Name = "doorkeeper", VMSwitchName = "kept" });
            var settings = Assert.Single(await host.Client.ObjectsAsync("Get-VMSystemSwitchExtensionSwitchFeature", new { ExtensionName = "doorkeeper" }));
            With(settings, "MachineStarted");
            await host.Client.ObjectsAsync("Add-VMSwitchExtensionSwitchFeature", new { SwitchName = "kept", VMSwitchExtensionFeature = new[] { settings } });
            var error = await host.Client.ErrorAsync("Start-VM", new { Name = "visitor" });
            Assert.Contains("does not allow the virtual machine to start: its settings say so.", (string?)error["message"], StringComparison.Ordinal);
            Assert.Equal("Off", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "visitor" }))["State"]);

            // That it ended cannot be refused.
            var present = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "kept" }));
            await host.Client.ObjectsAsync("Set-VMSwitchExtensionSwitchFeature", new { VMSwitchExtensionFeature = new[] { With(present, "MachineStopped") } });
            await host.Client.ObjectsAsync("Start-VM", new { Name = "visitor" });
            await MigratesAsAllowedAsync();
            await host.Client.ObjectsAsync("Stop-VM", new { Name = "visitor", TurnOff = true });
            Assert.Equal("Off", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "visitor" }))["State"]);

            // Nor does the machine go while it is refused, and nothing of the question stays.
            present = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "kept" }));
            await host.Client.ObjectsAsync("Set-VMSwitchExtensionSwitchFeature", new { VMSwitchExtensionFeature = new[] { With(present, "MachineDeleted") } });
            error = await host.Client.ErrorAsync("Remove-VM", new { Name = "visitor", Force = true });
            Assert.Contains("does not allow the virtual machine to be deleted: its settings say so.", (string?)error["message"], StringComparison.Ordinal);
            Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "visitor" }));
            using (var plane = new SwitchControlClient(host["run/switch.sock"]))
            {
                Assert.DoesNotContain(await plane.ListPortsAsync(), one => one.Port.Kind == PortKind.VhostUser);
            }

            present = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "kept" }));
            await host.Client.ObjectsAsync("Set-VMSwitchExtensionSwitchFeature", new { VMSwitchExtensionFeature = new[] { With(present, "") } });

            // What happens to extensions is among the events of the host.
            await Wait.UntilAsync("the event", async () => (await host.Client.GetAsync("api/events")).AsArray().Any(happened =>
                (string?)happened!["kind"] == "ExtensionStarted" && ((string?)happened["message"])!.Contains("'doorkeeper' 1.0.0 runs on the switch 'kept'", StringComparison.Ordinal)));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "visitor", Force = true });
            await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "kept", Force = true });
        }
    }

    /// <summary>The running machine may not leave, then it may, with what the extension keeps of its adapter, and it arrives.</summary>
    private async Task MigratesAsAllowedAsync()
    {
        using var plane = new SwitchControlClient(host["run/switch.sock"]);
        var port = Assert.Single(await plane.ListPortsAsync(), one => one.Port.Kind == PortKind.VhostUser);
        var migration = new AdapterMigration(plane);
        NetworkAdapterConfiguration[] adapters =
        [
            new() { Id = port.Port.Id, Name = "Network Adapter", SwitchId = port.Port.SwitchId },
            new() { Id = Guid.NewGuid(), Name = "unplugged" },
        ];
        var present = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "kept" }));
        await host.Client.ObjectsAsync("Set-VMSwitchExtensionSwitchFeature", new { VMSwitchExtensionFeature = new[] { With(present, "MachineMigrating") } });
        var refused = await Assert.ThrowsAsync<ControlException>(() => migration.AskAsync(adapters, CancellationToken.None));
        Assert.Contains("does not allow the virtual machine to migrate: its settings say so.", refused.Error.Message, StringComparison.Ordinal);
        Assert.Equal("Running", (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "visitor" }))["State"]);

        present = Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitchExtensionSwitchFeature", new { SwitchName = "kept" }));
        await host.Client.ObjectsAsync("Set-VMSwitchExtensionSwitchFeature", new { VMSwitchExtensionFeature = new[] { With(present, "MachineStopped") } });
        await migration.AskAsync(adapters, CancellationToken.None);
        var kept = Assert.Single(await migration.SaveAsync(adapters, CancellationToken.None));
        var entries = Assert.Single(kept.Extensions).Entries;
        entries = new Dictionary<string, byte[]>(StringComparer.Ordinal) { ["frames"] = BitConverter.GetBytes(4711L) };
        kept = kept with { Extensions = [kept.Extensions[0] with { Entries = entries }] };
        await migration.RestoreAsync(adapters, [kept, kept with { AdapterId = Guid.NewGuid() }], CancellationToken.None);
        var data = Assert.Single(await plane.GetPortDataAsync(port.Port.Id));
        Assert.Equal(4711, data.Data.GetProperty("Frames").GetInt64());
        var changes = Assert.Single(await plane.GetSwitchDataAsync(port.Port.SwitchId!.Value)).Data.GetProperty("Changes").EnumerateArray().Select(one => one.GetString()).ToList();
        Assert.Equal(["MachineMigrating", "MachineMigrated"], changes.Where(change => change!.Contains("Migrat", StringComparison.Ordinal)));
    }

    private static JsonObject With(JsonObject feature, string refused)
    {
        feature["SettingData"]!["Refuses"] = refused;
        return feature;
    }

    private async Task RefusedAsync(string command, object parameters, string errorId, string message)
    {
        var error = await host.Client.ErrorAsync(command, parameters);
        Assert.StartsWith(errorId, (string?)error["errorId"], StringComparison.Ordinal);
        Assert.Contains(message, (string?)error["message"], StringComparison.Ordinal);
    }

    // Where the product was built, in the configuration of these tests.
    private static string Folder(string product) => Path.Combine(
        Repository.Root, "extensions", $"Vireo.Extensions.{product}", "bin", Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/'))!), "net10.0");
}
