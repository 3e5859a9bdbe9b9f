using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests.Metering;

/// <summary>The commands of metering on machines that do not run.</summary>
public sealed class MeteringCommandTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    [Requirement("RM-1")]
    [Requirement("PS-1")]
    public async Task Metering_is_enabled_read_reset_and_disabled()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "metered", NewVHDPath = host["metered.vhdx"], NewVHDSizeBytes = 5L << 30 });
        try
        {
            Assert.False((bool)(await MachineAsync())["ResourceMeteringEnabled"]!);
            Assert.Equal("InvalidState", (string?)(await host.Client.ErrorAsync("Measure-VM", new { Name = "metered" }))["errorId"]);
            Assert.Equal("InvalidState", (string?)(await host.Client.ErrorAsync("Reset-VMResourceMetering", new { VMName = "metered" }))["errorId"]);

            await host.Client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = "metered" });
            Assert.True((bool)(await MachineAsync())["ResourceMeteringEnabled"]!);
            var report = await MeasureAsync();
            Assert.Equal("metered", (string?)report["VMName"]);
            Assert.Equal((5120, 5120), ((int)report["TotalDiskAllocation"]!, (int)report["TotalDisk"]!));
            Assert.Null(report["MinimumMemoryUsage"]);
            Assert.Equal(TimeSpan.Zero, TimeSpan.Parse((string)report["RunningDuration"]!, System.Globalization.CultureInfo.InvariantCulture));
            Assert.Equal(
                ["Inbound 0.0.0.0/0", "Outbound 0.0.0.0/0", "Inbound ::/0", "Outbound ::/0"],
                report["NetworkMeteredTrafficReport"]!.AsArray().Select(one => $"{one!["Direction"]} {one["RemoteAddress"]}"));

            // Enabled twice: the period goes on.
            var since = (string)report["MeteringSince"]!;
            await host.Client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = "metered" });
            Assert.Equal(since, (string?)(await MeasureAsync())["MeteringSince"]);
            await host.Client.ObjectsAsync("Reset-VMResourceMetering", new { VMName = "metered" });
            Assert.NotEqual(since, (string?)(await MeasureAsync())["MeteringSince"]);

            // A bigger disk is the most from then on; the disk is there and closed.
            await host.Client.ObjectsAsync("Resize-VHD", new { Path = host["metered.vhdx"], SizeBytes = 6L << 30 });
            Assert.Equal(6144, (int)(await MeasureAsync())["TotalDisk"]!);

            await host.Client.ObjectsAsync("Disable-VMResourceMetering", new { VMName = "metered" });
            Assert.Equal("InvalidState", (string?)(await host.Client.ErrorAsync("Measure-VM", new { Name = "metered" }))["errorId"]);
            await host.Client.ObjectsAsync("Disable-VMResourceMetering", new { VMName = "metered" });
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "metered", Force = true });
        }

        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Measure-VM", new { Name = "metered" }))["errorId"]);
        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Enable-VMResourceMetering", new { VMName = "metered" }))["errorId"]);

        async Task<JsonNode> MeasureAsync() => Assert.Single(await host.Client.ObjectsAsync("Measure-VM", new { Name = "metered" }));
        async Task<JsonNode> MachineAsync() => Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "metered" }));
    }

    [Fact]
    public async Task Meters_that_somebody_chose_are_left_alone()
    {
        await host.Client.ObjectsAsync("New-VM", new { Name = "chosen" });
        try
        {
            await host.Client.ObjectsAsync("Add-VMNetworkAdapterAcl", new { VMName = "chosen", Action = "Meter", Direction = "Both", RemoteIPAddress = new[] { "10.0.0.0/8" } });
            await host.Client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = "chosen" });
            var report = Assert.Single(await host.Client.ObjectsAsync("Measure-VM", new { Name = "chosen" }));
            Assert.Equal("10.0.0.0/8", (string?)Assert.Single(report["NetworkMeteredTrafficReport"]!.AsArray())!["RemoteAddress"]);
        }
        finally
        {
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "chosen", Force = true });
        }
    }

    [Fact]
    public async Task The_history_is_written_for_billing()
    {
        const string Name = "billed, \"monthly\"";
        await host.Client.ObjectsAsync("New-VM", new { Name, NewVHDPath = host["billed.vhdx"], NewVHDSizeBytes = 1L << 30 });
        await host.Client.ObjectsAsync("Enable-VMResourceMetering", new { VMName = Name });
        var id = (string)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name }))["Id"]!;
        await host.Client.ObjectsAsync("Remove-VM", new { Name, Force = true });

        // The machine is gone; what it used stays.
        await host.Client.ObjectsAsync("Export-VMResourceMetering", new { Path = host["bill.csv"] });
        var lines = (await File.ReadAllTextAsync(host["bill.csv"])).Split("\r\n");
        Assert.StartsWith("Kind,Id,Name,Started,Ended,DurationSeconds,", lines[0], StringComparison.Ordinal);
        Assert.Equal("", lines[^1]);
        Assert.StartsWith($"VirtualMachine,{id},\"billed, \"\"monthly\"\"\",2", Assert.Single(lines, line => line.Contains(id, StringComparison.Ordinal)), StringComparison.Ordinal);
        await host.Client.ObjectsAsync("Export-VMResourceMetering", new { Path = host["bill.json"], Format = "Json" });
        var entry = Assert.Single(JsonNode.Parse(await File.ReadAllTextAsync(host["bill.json"]))!.AsArray(), one => (string?)one!["Id"] == id);
        Assert.Equal((Name, 1024), ((string)entry!["Name"]!, (int)entry["DiskAllocation"]!));

        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Export-VMResourceMetering", new { Path = host["bill.csv"] }))["errorId"]);
        await host.Client.ObjectsAsync("Export-VMResourceMetering", new { Path = host["bill.csv"], Before = "2001-01-01T00:00:00", Force = true });
        Assert.Single((await File.ReadAllTextAsync(host["bill.csv"])).Split("\r\n", StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal("ObjectNotFound", (string?)(await host.Client.ErrorAsync("Export-VMResourceMetering", new { Path = host["no/such/folder/bill.csv"] }))["errorId"]);
    }

    [Fact]
    public async Task The_interval_of_saving_is_a_setting_of_the_host()
    {
        var before = Assert.Single(await host.Client.ObjectsAsync("Get-VMHost", new { }));
        Assert.Equal("00:01:00", (string?)before["ResourceMeteringSaveInterval"]);
        var after = Assert.Single(await host.Client.ObjectsAsync("Set-VMHost", new { ResourceMeteringSaveInterval = "01:00:00", Passthru = true }));
        Assert.Equal("01:00:00", (string?)after["ResourceMeteringSaveInterval"]);
        Assert.Equal("InvalidParameter", (string?)(await host.Client.ErrorAsync("Set-VMHost", new { ResourceMeteringSaveInterval = "00:00:01" }))["errorId"]);
        await host.Client.ObjectsAsync("Set-VMHost", new { ResourceMeteringSaveInterval = "00:01:00" });
    }
}
