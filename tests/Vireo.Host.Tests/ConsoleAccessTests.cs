using System.Diagnostics;
using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>A user who is no administrator, at the consoles of machines; another process under another number, as the kernel sees it.</summary>
public sealed class ConsoleAccessTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const string User = "nobody";

    [FactNeeds(Need.GuestsUser)]
    [Requirement("VM-6")]
    [Requirement("PS-6")]
    public async Task A_user_sees_the_consoles_he_was_let_in_to_and_nothing_else()
    {
        Assert.Equal("ObjectNotFound", (string?)(await host.Client.ErrorAsync("Grant-VMConnectAccess", new { VMName = "seen", UserName = User }))["errorId"]);
        foreach (var name in new[] { "seen", "hidden" })
        {
            await host.Client.ObjectsAsync("New-VM", new { Name = name, MemoryStartupBytes = 64 << 20, NoVHD = true });
        }

        try
        {
            Assert.Equal("ObjectNotFound", (string?)(await host.Client.ErrorAsync("Grant-VMConnectAccess", new { VMName = "seen", UserName = "no such user" }))["errorId"]);
            var id = (string)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "seen" }))["Id"]!;
            var other = (string)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "hidden" }))["Id"]!;
            await host.Client.ObjectsAsync("Start-VM", new { Name = "seen" });

            // Nobody was let in: there is nothing to see, and the socket of administrators does not answer.
            Assert.Empty(JsonNode.Parse(await AskAsync("api/consoles"))!.AsArray());
            Assert.Equal("404", await StatusAsync($"api/consoles/{id}/screen"));
            Assert.Equal("403", await StatusAsync("api/health"));
            Assert.Equal("403", await StatusAsync("api/vms"));
            Assert.NotEqual(0, (await RunAsync("--unix-socket", host["run/host.sock"], "http://host/api/health")).Status);

            var granted = Assert.Single(await host.Client.ObjectsAsync("Grant-VMConnectAccess", new { VMName = "seen", UserName = User, Passthru = true }));
            Assert.Equal(("seen", User, "Allowed"), ((string)granted["VMName"]!, (string)granted["UserName"]!, (string)granted["Access"]!));
            await host.Client.ObjectsAsync("Grant-VMConnectAccess", new { VMId = id, UserName = granted["UserId"]!.ToString() });
            Assert.Equal(User, (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMConnectAccess", new { }))["UserName"]);
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMConnectAccess", new { VMName = "seen", UserName = "root" }));
            var listed = Assert.Single(JsonNode.Parse(await AskAsync("api/consoles"))!.AsArray())!;
            Assert.Equal(("seen", id), ((string)listed["name"]!, (string)listed["id"]!));
            Assert.Equal("404", await StatusAsync($"api/consoles/{other}/screen"));
            Assert.Equal("404", await StatusAsync($"api/consoles/{id}/qmp"));
            Assert.Equal("426", await StatusAsync($"api/consoles/{id}/com1"));

            // The screen, as a viewer sees it (RFC 6143 7.1.1), until the user is let in no longer.
            using var viewer = Start("--no-buffer", "--unix-socket", host["run/console.sock"], "-H", "Connection: Upgrade", "-H", "Upgrade: vireo-console", $"http://host/api/consoles/{id}/screen");
            var greeting = new char[12];
            Assert.Equal(12, await viewer.StandardOutput.ReadBlockAsync(greeting).AsTask().WaitAsync(TimeSpan.FromMinutes(1)));
            Assert.Equal("RFB 003.008\n", new string(greeting));
            await host.Client.ObjectsAsync("Revoke-VMConnectAccess", new { VMName = "seen", UserName = User });
            await viewer.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMConnectAccess", new { VMName = "seen" }));
            Assert.Equal("404", await StatusAsync($"api/consoles/{id}/screen"));
            var told = (await host.Client.GetAsync("api/events")).AsArray().Select(happened => (string?)happened!["message"]).ToList();
            Assert.Contains($"'{User}' connected to screen of 'seen'.", told);
            Assert.Contains($"'{User}' left screen of 'seen'.", told);

            // A machine that goes out and comes back brings nobody.
            await host.Client.ObjectsAsync("Grant-VMConnectAccess", new { VMName = "hidden", UserName = User });
            await host.Client.ObjectsAsync("Export-VM", new { Name = "hidden", Path = host["out"] });
            var imported = Assert.Single(await host.Client.ObjectsAsync("Import-VM", new { Path = host["out"], Copy = true, GenerateNewId = true, VirtualMachinePath = host["in"] }));
            Assert.Empty(await host.Client.ObjectsAsync("Get-VMConnectAccess", new { VMId = imported["Id"]!.ToString() }));
        }
        finally
        {
            await host.Client.ObjectsAsync("Stop-VM", new { Name = "seen", TurnOff = true });
            await host.Client.ObjectsAsync("Remove-VM", new { Name = "*", Force = true });
        }
    }

    private async Task<string> AskAsync(string path) => (await RunAsync("--unix-socket", host["run/console.sock"], $"http://host/{path}")).Output;

    private async Task<string> StatusAsync(string path) =>
        (await RunAsync("--unix-socket", host["run/console.sock"], "-o", "/dev/null", "-w", "%{http_code}", $"http://host/{path}")).Output;

    private static async Task<(int Status, string Output)> RunAsync(params string[] arguments)
    {
        using var process = Start(["-s", "--max-time", "60", .. arguments]);
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }

    private static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(
        "setpriv", ["--reuid", User, "--regid", "nogroup", "--clear-groups", "curl", .. arguments])
    { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, WorkingDirectory = "/" })!;
}
