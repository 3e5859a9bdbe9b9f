using System.Net;
using System.Net.Sockets;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Tests.Plane;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>A disk that is served to other hosts: to those with a certificate of the authority, and to nobody else.</summary>
[Requirement("SM-1")]
public sealed class NbdTlsTests
{
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
        for (var attempt = 0; ; attempt++)
        {
            int port;
            using (var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                port = ((IPEndPoint)probe.LocalEndPoint!).Port;
            }

            var attachment = new DiskAttachment(
                s_disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"], TlsListen: $"127.0.0.1:{port}", TlsCertificates: certificates);
            try
            {
                await plane.Client.OpenDiskAsync(attachment);
                return (attachment, port);
            }
            catch (ControlException) when (attempt < 5)
            {
                // Somebody took the port in between.
            }
        }
    }
}
