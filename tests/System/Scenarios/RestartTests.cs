using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Vireo.Testing;
using Vireo.Testing.Hosts;

namespace Vireo.SystemTests.Scenarios;

/// <summary>A guest that starts anew is another guest: nothing that was known of the old one is taken for its own.</summary>
[Collection(SystemCollection.Name)]
public sealed class RestartTests(SystemHost system)
{
    private const string Name = "again";

    [Fact]
    [Requirement("VM-2")]
    [Requirement("VM-8")]
    [Trait("Category", "Long")]
    public async Task WhoeverWaitsForARestartWaitsForTheNewGuest()
    {
        var host = system.Host;
        await host.NewGuestAsync(Name, generation: 1, switchName: "Default Switch");
        await host.CheckAsync("Wait-VM", "-Name", Name, "-For", "IPAddress", "-Timeout", "180");
        Assert.Equal(1, await BootsAsync(host));

        // The guest says that it starts before its agent runs and before it has an address: whoever is back too early finds too few of these lines.
        await CheckYoungAsync(host, () => host.CheckAsync("Restart-VM", "-Name", Name, "-Force", "-Wait", "-For", "Heartbeat", "-Timeout", "180"));
        Assert.Equal(2, await BootsAsync(host));
        await host.CheckAsync("Wait-VM", "-Name", Name, "-For", "IPAddress", "-Timeout", "180");
        await CheckYoungAsync(host, () => host.CheckAsync("Restart-VM", "-Name", Name, "-Force", "-Wait", "-For", "IPAddress", "-Timeout", "180"));
        Assert.Equal(3, await BootsAsync(host));

        // From inside.
        await CheckYoungAsync(host, async () =>
        {
            using var http = new HttpClient(new SocketsHttpHandler { ConnectCallback = (_, cancellation) => ConnectAsync(host, cancellation) });
            using var request = new HttpRequestMessage(HttpMethod.Post, "http://host/api/commands/Wait-VM")
            {
                Content = JsonContent.Create(new { parameters = new { Name, For = "Reboot", Timeout = 240 } }),
            };
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            using var records = new StreamReader(await answer.Content.ReadAsStreamAsync());
            Assert.Contains("Waiting for Reboot", await records.ReadLineAsync(), StringComparison.Ordinal);
            await using (var shell = await host.ShellAsync(Name))
            {
                await shell.TypeAsync("reboot");
            }

            Assert.DoesNotContain("\"error\"", await records.ReadToEndAsync(), StringComparison.Ordinal);
        });
        Assert.Equal(4, await BootsAsync(host));
        await host.CheckAsync("Stop-VM", "-Name", Name, "-TurnOff");
        await host.CheckAsync("Remove-VM", "-Name", Name, "-Force");
    }

    private static async ValueTask<Stream> ConnectAsync(VireoHost host, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(host.Root, "run", "host.sock")), cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    // The machine cannot be older than the restart is ago.
    private static async Task CheckYoungAsync(VireoHost host, Func<Task> restart)
    {
        var clock = Stopwatch.StartNew();
        await restart();
        var uptime = (await host.QueryAsync("Get-VM", "-Name", Name)).Single().GetProperty("Uptime");
        var age = uptime.ValueKind == JsonValueKind.String ? TimeSpan.Parse(uptime.GetString()!, CultureInfo.InvariantCulture) : TimeSpan.FromSeconds(uptime.GetDouble());
        Assert.InRange(age, TimeSpan.Zero, clock.Elapsed);
    }

    private static async Task<int> BootsAsync(VireoHost host)
    {
        var id = (await host.QueryAsync("Get-VM", "-Name", Name)).Single().GetProperty("Id").GetGuid();
        var console = await File.ReadAllTextAsync(Path.Combine(host.Root, "run", "m", id.ToString("N"), "com1.log"));
        return console.Split("vireo-guest starting").Length - 1;
    }
}
