using System.Net;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Tests.Plane;
using Vireo.Storage.Tests.Stacks;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>A disk that is served to other hosts: to those with a certificate of the authority, and to nobody else.</summary>
[Requirement("SM-1")]
public sealed class NbdTlsTests(ITestOutputHelper output)
{
    // A connection that is lost is not made again.
    private static readonly NbdClientOptions s_once = new(TimeSpan.Zero, TimeSpan.FromSeconds(30));
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c14");

    [Fact]
    public async Task ToolsWithCertificates_ReadAndWrite_StrangersAreRefused()
    {
        using var folder = new TempFolder();
        var (own, strange) = (Certificates.Make(folder["own"]), Certificates.Make(folder["strange"]));
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var (attachment, port) = await OpenAsync(plane, folder, own);
        var uri = $"nbds://localhost:{port}/?tls-certificates={own}";
        Assert.Contains("export-size: 67108864", Peer.Run("nbdinfo", uri), StringComparison.Ordinal);
        File.WriteAllBytes(folder["content"], [.. Enumerable.Range(0, 64 << 20).Select(i => (byte)(i >> 9))]);
        Peer.Run("nbdcopy", folder["content"], uri);
        Peer.Run("nbdcopy", uri, folder["copy"]);
        Peer.Run("cmp", folder["content"], folder["copy"]);
        await using (var device = await NbdClientDevice.ConnectAsync(NbdAddress.Parse(uri), NbdClientOptions.Default, TimeProvider.System, default))
        {
            using var model = new DeviceModel(device, 5);
            Assert.Equal(BlockStatus.Ok, await device.WriteZeroesAsync(0, device.Geometry.SizeBytes, WriteOptions.None));
            await model.RunAsync(200);
            await model.CompareAsync(device);
        }

        Assert.NotEqual(0, Peer.TryRun("nbdinfo", $"nbds://localhost:{port}/?tls-certificates={strange}").ExitCode);
        Assert.NotEqual(0, Peer.TryRun("nbdinfo", $"nbd://localhost:{port}/").ExitCode);
        Assert.NotEqual(0, Peer.TryRun("qemu-img", "info", $"nbd://localhost:{port}/").ExitCode);
        await Assert.ThrowsAsync<NbdClientException>(() => NbdClientDevice.ConnectAsync(
            NbdAddress.Parse($"nbds://localhost:{port}/?tls-certificates={strange}"), NbdClientOptions.Default, TimeProvider.System, default));

        // Without TLS the local socket goes on as before, and closing leaves nobody behind.
        Peer.Run("nbdinfo", $"nbd+unix:///?socket={attachment.SocketPath}");
        await Wait.UntilAsync("the clients are gone", async () => (await plane.Client.GetDiskAsync(s_disk)).Connections == 0);
        Assert.Equal(0, plane.Stop());
    }

    [Fact]
    public async Task Listening_NeedsCertificatesAndAnAddress()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        await plane.Client.CreateImageAsync(new CreateImage(folder["a.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
        var attachment = new DiskAttachment(s_disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);
        foreach (var wrong in new[] { attachment with { TlsListen = "127.0.0.1:1" }, attachment with { TlsListen = "here", TlsCertificates = folder.Path }, attachment with { TlsListen = "127.0.0.1:1", TlsCertificates = folder["none"] } })
        {
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.OpenDiskAsync(wrong));
        }

        Assert.False(File.Exists(folder["a.sock"]));
    }

    [Theory]
    [InlineData(FrontEndKind.Nbd)]
    [InlineData(FrontEndKind.VhostUserBlock)]
    public async Task Server_ComesAndGoes_WhileTheDiskIsInUse_AndKeepsItsPort(FrontEndKind frontEnd)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        using var folder = new TempFolder();
        var certificates = Certificates.Make(folder["certificates"]);

        // An address that nobody else connects from or listens on, so that the port is free again when it is asked for.
        var random = new Random(seed);
        var plain = new DiskAttachment(s_disk, folder["a.vhdx"], ReadOnly: false, frontEnd, folder["a.sock"]);
        var served = plain with { TlsListen = $"127.{random.Next(1, 255)}.{random.Next(1, 255)}.{random.Next(1, 255)}:0", TlsCertificates = certificates, TlsPeer = "client" };
        DiskStatus status;
        using (var plane = await StorageProcess.StartAsync(folder.Path))
        {
            await plane.Client.CreateImageAsync(new CreateImage(plain.Path, ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
            await plane.Client.OpenDiskAsync(plain);
            await using var local = frontEnd == FrontEndKind.Nbd ? await ConnectAsync($"nbd+unix:///?socket={plain.SocketPath}", NbdClientOptions.Default) : null;
            status = await plane.Client.OpenDiskAsync(served);
            Assert.Equal(served, status.Attachment);
            Assert.Equal(status.TlsAddress, (await plane.Client.OpenDiskAsync(served)).TlsAddress);
            await using (var far = await ConnectAsync(Uri(status, certificates), s_once))
            {
                await WriteAndReadAsync(far, 0x11);
                await WriteAndReadAsync(local ?? far, 0x12);

                // Only taken away, not exchanged; then it is gone, with whoever is connected, and others go on.
                await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.OpenDiskAsync(served with { TlsPeer = "other.example" }));
                var gone = await plane.Client.OpenDiskAsync(plain);
                Assert.Equal((plain, null), (gone.Attachment, gone.TlsAddress));
                using var buffer = new TestBuffer(4096);
                Assert.Equal(BlockStatus.IoError, await far.ReadAsync(0, buffer.Vector));
            }

            await Assert.ThrowsAsync<NbdClientException>(() => ConnectAsync(Uri(status, certificates), s_once));
            if (local is not null)
            {
                await WriteAndReadAsync(local, 0x13);
                Assert.Equal(0, local.Reconnections);
            }

            // Somebody of the same authority who is not the peer.
            var other = await plane.Client.OpenDiskAsync(served with { TlsPeer = "other.example" });
            await Assert.ThrowsAnyAsync<IOException>(() => ConnectAsync(Uri(other, certificates), s_once));
            await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.OpenDiskAsync(served));
            await plane.Client.OpenDiskAsync(plain);
            foreach (var wrong in new[] { served with { TlsCertificates = folder["none"] }, served with { TlsListen = "127.0.0.1" }, served with { TlsCertificates = null } })
            {
                await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.OpenDiskAsync(wrong));
                Assert.Equal(plain, (await plane.Client.GetDiskAsync(s_disk)).Attachment);
            }

            status = await plane.Client.OpenDiskAsync(served);
            await using var last = await ConnectAsync(Uri(status, certificates), s_once);
            await WriteAndReadAsync(last, 0x14);
            plane.Kill();
        }

        using var next = await StorageProcess.StartAsync(folder.Path);
        Assert.Equal(status.TlsAddress, (await next.Client.GetDiskAsync(s_disk)).TlsAddress);
        await using (var again = await ConnectAsync(Uri(status, certificates), s_once))
        {
            await WriteAndReadAsync(again, 0x15);
        }

        Assert.Equal(0, next.Stop());
    }

    private static string Uri(DiskStatus status, string certificates) => $"nbds://{status.TlsAddress}/?tls-certificates={certificates}&tls-hostname=localhost";

    private static Task<NbdClientDevice> ConnectAsync(string uri, NbdClientOptions options) =>
        NbdClientDevice.ConnectAsync(NbdAddress.Parse(uri), options, TimeProvider.System, default);

    private static async Task WriteAndReadAsync(NbdClientDevice device, byte value)
    {
        using var buffer = new TestBuffer(64 << 10);
        buffer.Span.Fill(value);
        Assert.Equal(BlockStatus.Ok, await device.WriteAsync(1 << 20, buffer.Vector, WriteOptions.None));
        buffer.Span.Clear();
        Assert.Equal(BlockStatus.Ok, await device.ReadAsync(1 << 20, buffer.Vector));
        Assert.Equal(-1, buffer.Span.IndexOfAnyExcept(value));
    }

    [Fact]
    public async Task DiskOfOnePlane_IsMirroredToAnother_OverTls()
    {
        using var here = new TempFolder();
        using var there = new TempFolder();
        var certificates = Certificates.Make(here["certificates"]);
        using var target = await StorageProcess.StartAsync(there.Path);
        var (attachment, port) = await OpenAsync(target, there, certificates);
        using var plane = await StorageProcess.StartAsync(here.Path);
        var disk = new LiveDisk(here, Guid.NewGuid());
        await disk.CreateAsync(plane);
        disk.Write();
        await plane.Client.StartMirrorAsync(disk.Attachment.Id, new StartMirror($"nbds://localhost:{port}/?tls-certificates={certificates}", TargetIsZero: true));
        disk.Write();
        await Wait.UntilAsync("the mirror is ready", async () => (await plane.Client.GetCopyAsync(disk.Attachment.Id, CopyKind.Mirror)).Phase == CopyPhase.Ready);
        disk.Write();
        await plane.Client.CompleteMirrorAsync(disk.Attachment.Id);
        disk.Write();
        disk.Verify();
        disk.Verify($"nbd+unix:///?socket={attachment.SocketPath}");
    }

    private static async Task<(DiskAttachment Attachment, int Port)> OpenAsync(StorageProcess plane, TempFolder folder, string certificates)
    {
        await plane.Client.CreateImageAsync(new CreateImage(folder["a.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
        var attachment = new DiskAttachment(
            s_disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"], TlsListen: "127.0.0.1:0", TlsCertificates: certificates);
        return (attachment, PortOf(await plane.Client.OpenDiskAsync(attachment)));
    }

    private static int PortOf(DiskStatus status) => IPEndPoint.Parse(status.TlsAddress!).Port;
}
