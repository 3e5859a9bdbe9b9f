using Vireo.Disks;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Tests.FrontEnds.Nbd;
using Vireo.Storage.Tests.Stacks;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.NbdClient;

/// <summary>Our client with the servers of others, and with ours.</summary>
[Requirement("SM-1")]
public sealed class NbdClientPeerTests(ITestOutputHelper output)
{
    private const int SizeBytes = 16 << 20;

    [Theory]
    [InlineData("nbdkit")]
    [InlineData("nbdkit without structured replies")]
    [InlineData("qemu-nbd")]
    [InlineData("ours")]
    public async Task RandomRequests_ReadAsAModelSays(string server)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        using var folder = new TempFolder();
        await using var served = await ServeAsync(server, folder);
        await using var device = await ConnectAsync($"nbd+unix:///?socket={folder["nbd.sock"]}");
        Assert.Equal(SizeBytes, device.Geometry.SizeBytes);
        using var model = new DeviceModel(device, seed);
        await model.RunAsync(600);
        await model.CompareAsync(device);
        Assert.Equal(0, device.Reconnections);
    }

    [Theory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task ManyRequestsAtOnce_ComeBackToTheirOwners(string server)
    {
        using var folder = new TempFolder();
        await using var served = await ServeAsync(server, folder);
        await using var device = await ConnectAsync($"nbd+unix:///?socket={folder["nbd.sock"]}");
        var workers = Enumerable.Range(0, 64).Select(async worker =>
        {
            using var buffer = new TestBuffer(16 << 10);
            for (var round = 0; round < 8; round++)
            {
                var offset = (long)((worker * 8) + round) * buffer.Span.Length;
                buffer.Span.Fill((byte)(worker + round + 1));
                Assert.Equal(BlockStatus.Ok, await device.WriteAsync(offset, buffer.Vector, WriteOptions.None));
                buffer.Span.Clear();
                Assert.Equal(BlockStatus.Ok, await device.ReadAsync(offset, buffer.Vector));
                Assert.Equal(-1, buffer.Span.IndexOfAnyExcept((byte)(worker + round + 1)));
            }
        });
        await Task.WhenAll(workers);
    }

    [Theory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public async Task Extents_AreThoseOfTheFile(string server)
    {
        using var folder = new TempFolder();
        await using var served = await ServeAsync(server, folder);
        await using var device = await ConnectAsync($"nbd+unix:///?socket={folder["nbd.sock"]}");
        using var buffer = new TestBuffer(1 << 20);
        buffer.Span.Fill(7);
        Assert.Equal(BlockStatus.Ok, await device.WriteAsync(4 << 20, buffer.Vector, WriteOptions.None));
        var extents = new List<BlockExtent>();
        for (var at = 0L; at < SizeBytes; at = extents[^1].OffsetBytes + extents[^1].LengthBytes)
        {
            Assert.Equal(BlockStatus.Ok, await device.MapExtentsAsync(at, SizeBytes - at, extents));
        }

        Assert.Equal(1 << 20, extents.Where(extent => extent.Kind == ExtentKind.Data).Sum(extent => extent.LengthBytes));
        Assert.All(extents.Where(extent => extent.Kind == ExtentKind.Data), extent => Assert.InRange(extent.OffsetBytes, 4 << 20, (5 << 20) - 1));
    }

    [Fact]
    public async Task ServerThatIsKilledAndComesBack_IsFoundAgain_AndNoRequestFails()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["disk.img"], new byte[SizeBytes]);
        string[] arguments = ["-f", "raw", "-k", folder["nbd.sock"], "-t", "-e", "4", folder["disk.img"]];
        var server = await ServerProcess.StartAsync(folder["nbd.sock"], "qemu-nbd", arguments);
        try
        {
            await using var device = await ConnectAsync($"nbd+unix:///?socket={folder["nbd.sock"]}");
            using var stop = new CancellationTokenSource();
            using var model = new DeviceModel(device, 1);
            var work = Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    await model.RunAsync(20);
                }
            });
            for (var round = 1; round <= 3; round++)
            {
                server.Kill();
                server.Dispose();
                File.Delete(folder["nbd.sock"]);
                server = await ServerProcess.StartAsync(folder["nbd.sock"], "qemu-nbd", arguments);
                await Wait.UntilAsync("the client connected again", () => work.IsFaulted || device.Reconnections >= round);
            }

            await stop.CancelAsync();
            await work;
            await model.CompareAsync(device);
        }
        finally
        {
            server.Dispose();
        }
    }

    [Fact]
    public async Task ServerThatStaysAway_IsGivenUp_WithAReason()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["disk.img"], new byte[SizeBytes]);
        using var server = await ServerProcess.StartAsync(folder["nbd.sock"], "qemu-nbd", "-f", "raw", "-k", folder["nbd.sock"], "-t", folder["disk.img"]);
        var options = new NbdClientOptions(TimeSpan.Zero, TimeSpan.FromSeconds(30));
        await using var device = await NbdClientDevice.ConnectAsync(NbdAddress.Parse($"nbd+unix:///?socket={folder["nbd.sock"]}"), options, TimeProvider.System, default);
        server.Kill();
        using var buffer = new TestBuffer(4096);
        Assert.Equal(BlockStatus.IoError, await device.ReadAsync(0, buffer.Vector));
        Assert.Contains(folder["nbd.sock"], device.LostBecause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_WorksWithCertificatesOfOneAuthority_AndRefusesStrangers()
    {
        using var folder = new TempFolder();
        var (own, strange, elsewhere) = (Certificates.Make(folder["own"]), Certificates.Make(folder["strange"]), Certificates.Make(folder["elsewhere"], "other.example"));
        File.WriteAllBytes(folder["disk.img"], new byte[SizeBytes]);
        using (await ServerProcess.StartAsync(
            folder["nbd.sock"], "nbdkit", "-f", "-U", folder["nbd.sock"], "--tls=require", $"--tls-certificates={own}", "--tls-verify-peer", "file", folder["disk.img"]))
        {
            await using (var device = await ConnectAsync($"nbds+unix:///?socket={folder["nbd.sock"]}&tls-certificates={own}"))
            {
                using var model = new DeviceModel(device, 2);
                await model.RunAsync(200);
                await model.CompareAsync(device);
            }

            // The server does not know this client's authority, and the client not the server's.
            await Assert.ThrowsAsync<NbdClientException>(() => ConnectAsync($"nbds+unix:///?socket={folder["nbd.sock"]}&tls-certificates={strange}"));
            await Assert.ThrowsAsync<NbdClientException>(() => ConnectAsync($"nbds+unix:///?socket={folder["nbd.sock"]}&tls-certificates={own}&tls-hostname=other.example"));
            await Assert.ThrowsAsync<NbdClientException>(() => ConnectAsync($"nbd+unix:///?socket={folder["nbd.sock"]}"));
            var missing = await Assert.ThrowsAsync<IOException>(() => ConnectAsync($"nbds+unix:///?socket={folder["nbd.sock"]}&tls-certificates={folder["none"]}"));
            Assert.Contains(folder["none"], missing.Message, StringComparison.Ordinal);
        }

        // A server with the name of another host, and one without TLS.
        using (await ServerProcess.StartAsync(
            folder["b.sock"], "nbdkit", "-f", "-U", folder["b.sock"], "--tls=require", $"--tls-certificates={elsewhere}", "memory", "1M"))
        {
            await Assert.ThrowsAsync<NbdClientException>(() => ConnectAsync($"nbds+unix:///?socket={folder["b.sock"]}&tls-certificates={elsewhere}"));
        }

        using (await ServerProcess.StartAsync(folder["c.sock"], "nbdkit", "-f", "-U", folder["c.sock"], "memory", "1M"))
        {
            var refused = await Assert.ThrowsAsync<NbdClientException>(() => ConnectAsync($"nbds+unix:///?socket={folder["c.sock"]}&tls-certificates={own}"));
            Assert.Contains("TLS", refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("nbd://host", "host", 10809, null, "")]
    [InlineData("nbd://[::1]:99/a%20b", "::1", 99, null, "a b")]
    [InlineData("nbd+unix:///e?socket=/run/x", null, 10809, "/run/x", "e")]
    [InlineData("nbds://host?tls-certificates=/c", "host", 10809, null, "")]
    public void Addresses_AreRead(string uri, string? host, int port, string? socket, string export)
    {
        var address = NbdAddress.Parse(uri);
        Assert.Equal((host, port, socket, export), (address.Host?.Trim('[', ']'), address.Port, address.SocketPath, address.ExportName));
    }

    [Theory]
    [InlineData("http://host")]
    [InlineData("nbd://")]
    [InlineData("nbd+unix:///e")]
    [InlineData("nbds://host")]
    [InlineData("nbd://host?tls-certificates=/c")]
    [InlineData("nbd://host?shoe=1")]
    public void WrongAddresses_AreRefused(string uri) => Assert.Throws<FormatException>(() => NbdAddress.Parse(uri));

    private static Task<NbdClientDevice> ConnectAsync(string uri) =>
        NbdClientDevice.ConnectAsync(NbdAddress.Parse(uri), NbdClientOptions.Default, TimeProvider.System, default);

    private static async Task<IAsyncDisposable> ServeAsync(string server, TempFolder folder)
    {
        if (server == "ours")
        {
            return new NbdServer(folder, new MemoryBlockDevice(SizeBytes));
        }

        using (var file = File.Create(folder["disk.img"]))
        {
            file.SetLength(SizeBytes);
        }

        return new Served(server switch
        {
            "nbdkit" => await ServerProcess.StartAsync(folder["nbd.sock"], "nbdkit", "-f", "-U", folder["nbd.sock"], "file", folder["disk.img"]),
            "nbdkit without structured replies" => await ServerProcess.StartAsync(folder["nbd.sock"], "nbdkit", "-f", "--no-sr", "-U", folder["nbd.sock"], "file", folder["disk.img"]),
            _ => await ServerProcess.StartAsync(folder["nbd.sock"], "qemu-nbd", "-f", "raw", "-k", folder["nbd.sock"], "-t", "--discard=unmap", folder["disk.img"]),
        });
    }

    private sealed class Served(ServerProcess process) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            process.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
