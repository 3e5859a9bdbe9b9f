using System.Globalization;
using System.Security.Cryptography;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>The integration services of a real guest, each seen from inside, on and off.</summary>
public sealed class IntegrationServiceTests(RunningGuest guest) : IClassFixture<RunningGuest>
{
    private const string Guest = RunningGuest.Name;
    private const string CopyService = "Guest Service Interface";

    [Fact]
    [Requirement("VM-8")]
    public async Task Files_go_in_and_out_when_the_service_is_on()
    {
        await using var host = await ReadyAsync();
        using var client = guest.Client();
        var content = RandomNumberGenerator.GetBytes(300_001);
        await File.WriteAllBytesAsync(guest["in.bin"], content);
        var copy = new { Name = Guest, SourcePath = guest["in.bin"], DestinationPath = "/run/a/b/in.bin", FileSource = "Host", CreateFullPath = true };

        await client.ObjectsAsync("Disable-VMIntegrationService", new { VMName = Guest, Name = CopyService });
        var off = await client.ErrorAsync("Copy-VMFile", copy);
        Assert.Equal("InvalidState", (string?)off["errorId"]);
        Assert.Contains(CopyService, (string?)off["message"], StringComparison.Ordinal);

        await client.ObjectsAsync("Enable-VMIntegrationService", new { VMName = Guest, Name = CopyService });
        await client.ObjectsAsync("Copy-VMFile", copy);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), (await guest.Shell.CheckAsync("sha256sum </run/a/b/in.bin")).Split(' ')[0]);
        Assert.Equal("in.bin", await guest.Shell.CheckAsync("ls /run/a/b"));

        // What is there is replaced only when asked.
        await File.WriteAllTextAsync(guest["in.bin"], "other");
        Assert.Contains("-Force", (string?)(await client.ErrorAsync("Copy-VMFile", copy))["message"], StringComparison.Ordinal);
        await client.ObjectsAsync("Copy-VMFile", new { Name = Guest, SourcePath = guest["in.bin"], DestinationPath = "/run/a/b/in.bin", FileSource = "Host", Force = true });
        Assert.Equal("other", await guest.Shell.CheckAsync("cat /run/a/b/in.bin"));

        await guest.Shell.CheckAsync("head -c 100000 /dev/urandom >/run/out.bin");
        await client.ObjectsAsync("Copy-VMFile", new { Name = Guest, SourcePath = "/run/out.bin", DestinationPath = guest["out.bin"], FileSource = "Guest" });
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(guest["out.bin"]))), (await guest.Shell.CheckAsync("sha256sum </run/out.bin")).Split(' ')[0]);

        // What cannot be leaves nothing.
        await client.ErrorAsync("Copy-VMFile", new { Name = Guest, SourcePath = guest["none"], DestinationPath = "/run/none", FileSource = "Host" });
        await client.ErrorAsync("Copy-VMFile", new { Name = Guest, SourcePath = guest["in.bin"], DestinationPath = "/proc/none/x", FileSource = "Host" });
        await client.ErrorAsync("Copy-VMFile", new { Name = Guest, SourcePath = "/run/none", DestinationPath = guest["none"], FileSource = "Guest" });
        Assert.False(File.Exists(guest["none"]));
        Assert.Empty(Directory.GetFiles(guest[""], "*.tmp"));
    }

    [Fact]
    [Requirement("VM-8")]
    public async Task The_clock_is_set_after_the_guest_stood_still()
    {
        await using var host = await ReadyAsync();
        using var client = guest.Client();
        await client.ObjectsAsync("Disable-VMIntegrationService", new { VMName = Guest, Name = "Time Synchronization" });
        await StandStillAsync(client);

        // The addresses are asked for after the clock would have been set.
        Assert.Equal(2001, (await ClockAsync()).Year);
        await client.ObjectsAsync("Enable-VMIntegrationService", new { VMName = Guest, Name = "Time*" });
        await StandStillAsync(client);
        await Wait.UntilAsync("the guest's clock to be right", async () => (DateTimeOffset.UtcNow - await ClockAsync()).Duration() < TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1));
    }

    [Fact]
    [Requirement("VM-8")]
    public async Task Every_service_is_listed_with_the_id_that_scripts_know()
    {
        await using var host = await ReadyAsync();
        using var client = guest.Client();
        var services = await client.ObjectsAsync("Get-VMIntegrationService", new { VMName = Guest });
        Assert.Equal(
            ["Guest Service Interface", "Heartbeat", "Key-Value Pair Exchange", "Shutdown", "Time Synchronization", "VSS"], services.ConvertAll(service => (string?)service["Name"]));
        Assert.Contains(services, service => ((string)service["Id"]!).EndsWith("\\84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47", StringComparison.Ordinal));
        Assert.Equal("OK", (string?)services[1]["PrimaryStatusDescription"]);

        var error = await client.ErrorAsync("Disable-VMIntegrationService", new { VMName = Guest, Name = "Telepathy" });
        Assert.Contains("'Heartbeat'", (string?)error["message"], StringComparison.Ordinal);
        var off = Assert.Single(await client.ObjectsAsync("Disable-VMIntegrationService", new { VMName = Guest, Name = "Shutdown", Passthru = true }));
        Assert.False((bool)off["Enabled"]!);
        Assert.Equal("InvalidState", (string?)(await client.ErrorAsync("Stop-VM", new { Name = Guest }))["errorId"]);
        await client.ObjectsAsync("Enable-VMIntegrationService", new { VMName = Guest, Name = "Shutdown" });
    }

    private async Task<PlaneProcess> ReadyAsync()
    {
        var host = await guest.StartHostAsync();
        using var client = guest.Client();
        await client.ObjectsAsync("Wait-VM", new { Name = Guest, For = "Heartbeat", Timeout = 120 });
        return host;
    }

    private async Task StandStillAsync(HostClient client)
    {
        await guest.Shell.CheckAsync("date -s '2001-01-01 00:00:00'");
        await client.ObjectsAsync("Suspend-VM", new { Name = Guest });
        await client.ObjectsAsync("Resume-VM", new { Name = Guest });
        await client.ObjectsAsync("Wait-VM", new { Name = Guest, For = "Heartbeat", Timeout = 120 });
    }

    private async Task<DateTimeOffset> ClockAsync() =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(await guest.Shell.CheckAsync("date +%s"), CultureInfo.InvariantCulture));
}
