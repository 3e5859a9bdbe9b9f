using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests.Metering;

/// <summary>Resource pools: what they hold, what they keep machines from, and what is metered of them.</summary>
[Requirement("RM-3")]
public sealed class ResourcePoolTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("PS-1")]
    public async Task Pools_are_made_read_renamed_and_removed()
    {
        var made = await host.Client.ObjectsAsync("New-VMResourcePool", new { Name = "tenant", ResourcePoolType = new[] { "Processor", "Memory", "FibreChannelPort", "PciExpress" } });
        Assert.Equal(["Processor", "Memory", "FibreChannelPort", "PciExpress"], made.Select(pool => Text(pool, "ResourcePoolType")));
        Assert.All(made, pool => Assert.Equal("[\"Primordial\"]", pool["ParentName"]!.ToJsonString()));
        Assert.Equal(9, (await host.Client.ObjectsAsync("Get-VMResourcePool", new { Name = "Primordial" })).Count);
        Assert.Equal("ResourceExists", Text(await host.Client.ErrorAsync("New-VMResourcePool", new { Name = "TENANT", ResourcePoolType = "Memory" }), "errorId"));
        Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("New-VMResourcePool", new { Name = "primordial", ResourcePoolType = "Memory" }), "errorId"));
        Assert.Equal("ObjectNotFound", Text(await host.Client.ErrorAsync("New-VMResourcePool", new { Name = "x", ResourcePoolType = "Memory", ParentName = "nobody" }), "errorId"));
        Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("Get-VMResourcePool", new { Name = "nobody" }), "errorId"));

        // Part of each other: of parents, but not in a circle.
        await host.Client.ObjectsAsync("New-VMResourcePool", new { Name = "customers", ResourcePoolType = "Memory" });
        var child = Assert.Single(await host.Client.ObjectsAsync("Set-VMResourcePool", new { Name = "tenant", ResourcePoolType = "Memory", ParentName = "customers", Passthru = true }));
        Assert.Equal("[\"customers\"]", child["ParentName"]!.ToJsonString());
        Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("Set-VMResourcePool", new { Name = "customers", ResourcePoolType = "Memory", ParentName = "tenant" }), "errorId"));
        Assert.Equal("ObjectInUse", Text(await host.Client.ErrorAsync("Remove-VMResourcePool", new { Name = "customers", ResourcePoolType = "Memory" }), "errorId"));
        Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("Remove-VMResourcePool", new { Name = "Primordial", ResourcePoolType = "Memory" }), "errorId"));

        // Machines follow a pool that is renamed, and keep it from being removed.
        await host.Client.ObjectsAsync("New-VM", new { Name = "member" });
        await host.Client.ObjectsAsync("Set-VMMemory", new { VMName = "member", ResourcePoolName = "tenant" });
        await host.Client.ObjectsAsync("Set-VMProcessor", new { VMName = "member", ResourcePoolName = "tenant" });
        Assert.Equal("ObjectNotFound", Text(await host.Client.ErrorAsync("Set-VMMemory", new { VMName = "member", ResourcePoolName = "nobody" }), "errorId"));
        Assert.Equal("ObjectInUse", Text(await host.Client.ErrorAsync("Remove-VMResourcePool", new { Name = "tenant", ResourcePoolType = "Memory" }), "errorId"));
        await host.Client.ObjectsAsync("Rename-VMResourcePool", new { Name = "tenant", ResourcePoolType = "Memory", NewName = "contoso" });
        Assert.Equal("contoso", Text(Assert.Single(await host.Client.ObjectsAsync("Get-VMMemory", new { VMName = "member" })), "ResourcePoolName"));
        Assert.Equal("tenant", Text(Assert.Single(await host.Client.ObjectsAsync("Get-VMProcessor", new { VMName = "member" })), "ResourcePoolName"));
        Assert.Equal("ObjectNotFound", Text(await host.Client.ErrorAsync("Rename-VMResourcePool", new { Name = "tenant", ResourcePoolType = "Memory", NewName = "y" }), "errorId"));

        await host.Client.ObjectsAsync("Remove-VM", new { Name = "member", Force = true });
        await host.Client.ObjectsAsync("Remove-VMResourcePool", new { Name = "contoso", ResourcePoolType = "Memory" });
        await host.Client.ObjectsAsync("Remove-VMResourcePool", new { Name = "customers", ResourcePoolType = "Memory" });
        Assert.True((bool)(await host.Client.ObjectsAsync("Remove-VMResourcePool", new { Name = "tenant", ResourcePoolType = new[] { "Processor", "FibreChannelPort", "PciExpress" }, Passthru = true }))[0]["IsDeleted"]!);
        Assert.All(await host.Client.ObjectsAsync("Get-VMResourcePool", new { }), pool => Assert.NotEqual("tenant", Text(pool, "Name")));
    }

    [Fact]
    public async Task A_pool_of_images_keeps_machines_to_its_folders()
    {
        foreach (var folder in new[] { "mine", "others" })
        {
            Directory.CreateDirectory(host[folder]);
            await host.Client.ObjectsAsync("New-VHD", new { Path = host[$"{folder}/disk.vhdx"], SizeBytes = 1L << 30 });
        }

        await File.WriteAllBytesAsync(host["mine/setup.iso"], new byte[2048]);
        await host.Client.ObjectsAsync("New-VMResourcePool", new { Name = "images", ResourcePoolType = new[] { "VHD", "ISO" }, Paths = new[] { host["mine"] } });
        await host.Client.ObjectsAsync("New-VM", new { Name = "stored" });
        try
        {
            var error = await host.Client.ErrorAsync("Add-VMHardDiskDrive", new { VMName = "stored", Path = host["others/disk.vhdx"], ResourcePoolName = "images" });
            Assert.Contains(host["others/disk.vhdx"], Text(error, "message"), StringComparison.Ordinal);
            await host.Client.ErrorAsync("Add-VMHardDiskDrive", new { VMName = "stored", Path = host["mine/../others/disk.vhdx"], ResourcePoolName = "images" });
            var drive = Assert.Single(await host.Client.ObjectsAsync("Add-VMHardDiskDrive", new { VMName = "stored", Path = host["mine/disk.vhdx"], ResourcePoolName = "images", Passthru = true }));
            Assert.Equal("images", Text(drive, "PoolName"));
            await host.Client.ObjectsAsync("Add-VMDvdDrive", new { VMName = "stored", Path = host["mine/setup.iso"], ResourcePoolName = "images" });

            // Folders come and go; a machine whose disk is in none of them does not start.
            Assert.Equal([host["mine"]], (await host.Client.RunAsync("Get-VMStoragePath", new { ResourcePoolName = "images", ResourcePoolType = "VHD" }))
                .Where(record => Text(record, "record") == "object").Select(record => (string)record["value"]!));
            await host.Client.RunAsync("Add-VMStoragePath", new { Path = host["others"], ResourcePoolName = "images", ResourcePoolType = "VHD" });
            await host.Client.RunAsync("Remove-VMStoragePath", new { Path = host["mine"], ResourcePoolName = "images", ResourcePoolType = "VHD" });
            Assert.Contains("images", Text(await host.Client.ErrorAsync("Start-VM", new { Name = "stored" }), "message"), StringComparison.Ordinal);
            await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMName = "stored", Path = host["others/disk.vhdx"] });
            await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMName = "stored", ResourcePoolName = "Primordial" });
            Assert.Equal("Primordial", Text(Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "stored" })), "PoolName"));

            // A part holds no more than the whole.
            Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("New-VMResourcePool", new { Name = "part", ResourcePoolType = "VHD", ParentName = "images", Paths = new[] { host["mine"] } }), "errorId"));
            Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("New-VMResourcePool", new { Name = "part", ResourcePoolType = "Memory", Paths = new[] { host["mine"] } }), "errorId"));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "stored", Force = true });
        }
    }

    [Fact]
    public async Task A_pool_of_connections_keeps_adapters_to_its_switches()
    {
        foreach (var name in new[] { "pool-a", "pool-b" })
        {
            await host.Client.ObjectsAsync("New-VMSwitch", new { Name = name, SwitchType = "Private" });
        }

        await host.Client.ObjectsAsync("New-VMResourcePool", new { Name = "wires", ResourcePoolType = "Ethernet" });
        await host.Client.ObjectsAsync("New-VM", new { Name = "wired" });
        try
        {
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = "wired", ResourcePoolName = "wires" });
            Assert.Equal("ObjectNotFound", Text(await host.Client.ErrorAsync("Connect-VMNetworkAdapter", new { VMName = "wired", UseAutomaticConnection = true }), "errorId"));
            await host.Client.ObjectsAsync("Add-VMSwitch", new { Name = "pool-b", ResourcePoolName = "wires" });
            Assert.Equal(["pool-b"], (await host.Client.ObjectsAsync("Get-VMSwitch", new { ResourcePoolName = "wires" })).Select(one => Text(one, "Name")));
            Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("Connect-VMNetworkAdapter", new { VMName = "wired", SwitchName = "pool-a" }), "errorId"));
            await host.Client.ObjectsAsync("Connect-VMNetworkAdapter", new { VMName = "wired", UseAutomaticConnection = true });
            var adapter = Assert.Single(await host.Client.ObjectsAsync("Get-VMNetworkAdapter", new { VMName = "wired" }));
            Assert.Equal(("pool-b", "wires"), (Text(adapter, "SwitchName"), Text(adapter, "PoolName")));
            await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "pool-b", ResourcePoolName = "wires" });
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMSwitch", new { ResourcePoolName = "wires" }));
            Assert.Single(await host.Client.ObjectsAsync("Get-VMSwitch", new { Name = "pool-b" }));
            Assert.Contains("wires", Text(await host.Client.ErrorAsync("Start-VM", new { Name = "wired" }), "message"), StringComparison.Ordinal);
            Assert.Equal("InvalidParameter", Text(await host.Client.ErrorAsync("Add-VMSwitch", new { Name = "pool-b", ResourcePoolName = "Primordial" }), "errorId"));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "wired", Force = true });
            await host.Client.ObjectsAsync("Remove-VMSwitch", new { Name = "pool-*", Force = true });
        }
    }

    [Fact]
    public async Task A_pool_is_metered_with_those_that_are_part_of_it()
    {
        var types = new[] { "Memory", "Processor", "Ethernet", "VHD" };
        await host.Client.ObjectsAsync("New-VMResourcePool", new { Name = "whole", ResourcePoolType = types });
        await host.Client.ObjectsAsync("New-VMResourcePool", new { Name = "part", ResourcePoolType = types, ParentName = "whole" });
        foreach (var folder in new[] { "whole", "part" })
        {
            await host.Client.RunAsync("Add-VMStoragePath", new { Path = host[""], ResourcePoolName = folder, ResourcePoolType = "VHD" });
            await host.Client.ObjectsAsync("New-VM", new { Name = $"in-{folder}", NewVHDPath = host[$"in-{folder}.vhdx"], NewVHDSizeBytes = (folder == "whole" ? 2L : 3L) << 30 });
            await host.Client.ObjectsAsync("Set-VMHardDiskDrive", new { VMName = $"in-{folder}", ResourcePoolName = folder });
            await host.Client.ObjectsAsync("Set-VMNetworkAdapter", new { VMName = $"in-{folder}", ResourcePoolName = folder });
        }

        try
        {
            Assert.Equal("InvalidState", Text(await host.Client.ErrorAsync("Measure-VMResourcePool", new { Name = "whole" }), "errorId"));
            Assert.Equal("ObjectNotFound", Text(await host.Client.ErrorAsync("Enable-VMResourceMetering", new { ResourcePoolName = "nobody" }), "errorId"));
            await host.Client.ObjectsAsync("Enable-VMResourceMetering", new { ResourcePoolName = "whole" });
            await host.Client.ObjectsAsync("Enable-VMResourceMetering", new { ResourcePoolName = "part", ResourcePoolType = "VHD" });
            Assert.All(await host.Client.ObjectsAsync("Get-VMResourcePool", new { Name = "whole" }), pool => Assert.True((bool)pool["ResourceMeteringEnabled"]!));
            var whole = Assert.Single(await host.Client.ObjectsAsync("Measure-VMResourcePool", new { Name = "whole" }));
            Assert.Equal(("whole", 5120, 4), (Text(whole, "ResourcePoolName"), (int)whole["TotalDisk"]!, whole["ResourcePoolType"]!.AsArray().Count));
            var part = Assert.Single(await host.Client.ObjectsAsync("Measure-VMResourcePool", new { Name = "par*" }));
            Assert.Equal((3072, "[\"VHD\"]"), ((int)part["TotalDisk"]!, part["ResourcePoolType"]!.ToJsonString()));
            Assert.Null(part["AverageMemoryUsage"]);
            await host.Client.ObjectsAsync("Reset-VMResourceMetering", new { ResourcePoolName = "part", ResourcePoolType = "VHD" });
            await host.Client.ObjectsAsync("Disable-VMResourceMetering", new { ResourcePoolName = "part" });
            Assert.Equal("InvalidState", Text(await host.Client.ErrorAsync("Measure-VMResourcePool", new { Name = "part", ResourcePoolType = new[] { "VHD" } }), "errorId"));
            Assert.Equal("ParameterArgumentValidationError", Text(await host.Client.ErrorAsync("Measure-VMResourcePool", new { Name = "part", ResourcePoolType = new[] { "ISO" } }), "errorId"));
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "in-*", Force = true });
            await host.Client.ObjectsAsync("Remove-VMResourcePool", new { Name = "part", ResourcePoolType = types });
            await host.Client.ObjectsAsync("Remove-VMResourcePool", new { Name = "whole", ResourcePoolType = types });
        }
    }

    private static string Text(JsonNode value, string property) => (string)value[property]!;
}
