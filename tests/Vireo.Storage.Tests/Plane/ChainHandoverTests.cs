using Vireo.Control.Storage;
using Vireo.Storage.NbdClient;
using Vireo.Storage.Tests.Support;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Storage.Tests.Plane;

/// <summary>The last image of a chain goes to another host, over TLS, onto a copy of its parent there, while the guest writes.</summary>
[Requirement("LM-2")]
public sealed class ChainHandoverTests(ITestOutputHelper output)
{
    private const int SizeBytes = 16 << 20;
    private static readonly Guid s_disk = new("6f2b7b1c-58f4-4a58-9a3e-6f0a2f1d9c41");

    [Fact]
    public async Task Chain_ReadsTheSameThere_AlsoAfterAnAttemptWhoseServerWasKilled()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        using var folder = new TempFolder();
        var certificates = Certificates.Make(folder["certificates"]);
        using var plane = await StorageProcess.StartAsync(folder["here"]);
        var disk = new DiskAttachment(s_disk, folder["here/a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);
        await plane.Client.CreateImageAsync(new CreateImage(disk.Path, ImageFormat.Vhdx, ImageType.Dynamic, SizeBytes, 1 << 20));
        await plane.Client.OpenDiskAsync(disk);
        await using var guest = await ConnectAsync($"nbd+unix:///?socket={disk.SocketPath}");
        using var model = new DeviceModel(guest, seed);
        await model.RunAsync(120, longestBytes: 512 << 10);
        await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["here/b.avhdx"]));

        // Data, and zeros and holes over what the parent holds.
        await model.RunAsync(30);
        var identity = (await plane.Client.InspectImageAsync(folder["here/b.avhdx"])).DiskId;
        var target = new DiskAttachment(
            s_disk, folder["there/b.avhdx"], ReadOnly: false, FrontEndKind.VhostUserBlock, folder["b.sock"], TlsListen: "127.0.0.1:0", TlsCertificates: certificates, TlsPeer: "client");
        Directory.CreateDirectory(folder["there"]);
        File.Copy(disk.Path, folder["there/a.vhdx"]);
        var child = new CreateImage(target.Path, ImageFormat.Vhdx, ImageType.Differencing, 0, ParentPath: folder["there/a.vhdx"], DiskId: identity);
        using (var killed = await StorageProcess.StartAsync(folder["killed"]))
        {
            await killed.Client.CreateImageAsync(child);
            await plane.Client.StartMirrorAsync(s_disk, Mirror(await killed.Client.OpenDiskAsync(target), certificates) with { BytesPerSecond = 2 << 20 });
            await model.RunAsync(30);
            killed.Kill();
            using var again = await StorageProcess.StartAsync(folder["killed"]);
            await Wait.UntilAsync("the mirror was given up", async () =>
            {
                await model.RunAsync(5);
                return (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase == CopyPhase.Failed;
            });
            await again.Client.CloseDiskAsync(s_disk);
        }

        await model.CompareAsync(guest);

        // An empty one, once more.
        using var there = await StorageProcess.StartAsync(folder["next"]);
        File.Delete(target.Path);
        await there.Client.CreateImageAsync(child);
        await plane.Client.StartMirrorAsync(s_disk, Mirror(await there.Client.OpenDiskAsync(target), certificates));
        CopyStatus status;
        do
        {
            await model.RunAsync(20);
            status = await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror);
            Assert.True(status.Phase is CopyPhase.Copying or CopyPhase.Ready, $"{status}");
        }
        while (status.Phase != CopyPhase.Ready);
        await model.RunAsync(60);
        await plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Close);
        await plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Close);

        // What the other host has, and what stayed here.
        var moved = await there.Client.OpenDiskAsync(target with { TlsListen = null, TlsCertificates = null, TlsPeer = null });
        await there.Client.CloseDiskAsync(s_disk);
        Assert.Equal(identity, (await there.Client.InspectImageAsync(target.Path)).DiskId);
        Assert.Equal(folder["there/a.vhdx"], (await there.Client.InspectImageAsync(target.Path)).ParentPath);
        foreach (var path in new[] { moved.Attachment.Path, folder["here/b.avhdx"] })
        {
            await there.Client.OpenDiskAsync(disk with { Path = path, ReadOnly = true });
            await using var reader = await ConnectAsync($"nbd+unix:///?socket={disk.SocketPath}");
            await model.CompareAsync(reader);
            await there.Client.CloseDiskAsync(s_disk);
        }

        Assert.Equal(0, (await plane.Client.GetHealthAsync()).LayerViolations + (await there.Client.GetHealthAsync()).LayerViolations);
    }

    [Fact]
    public async Task WhatTheImageDoesNotHold_IsNotSent_AndZerosThatItHoldsAre()
    {
        using var folder = new TempFolder();
        var certificates = Certificates.Make(folder["certificates"]);
        using var plane = await StorageProcess.StartAsync(folder.Path);
        var disk = new DiskAttachment(s_disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);
        await plane.Client.CreateImageAsync(new CreateImage(disk.Path, ImageFormat.Vhdx, ImageType.Dynamic, SizeBytes, 1 << 20));
        await plane.Client.OpenDiskAsync(disk);
        var uri = $"nbd+unix:///?socket={disk.SocketPath}";
        Peer.Run("qemu-io", "-f", "raw", "-c", "write -P 1 0 16M", uri);
        await plane.Client.SnapshotAsync(s_disk, new TakeSnapshot(folder["b.avhdx"]));
        Peer.Run("qemu-io", "-f", "raw", "-c", "write -P 2 1M 64k", "-c", "write -z 4M 2M", "-c", "write -z 8M 64k", "-c", "write -zu 10M 1M", uri);
        Directory.CreateDirectory(folder["there"]);
        File.Copy(disk.Path, folder["there/a.vhdx"]);
        var target = new DiskAttachment(
            Guid.NewGuid(), folder["there/b.avhdx"], ReadOnly: false, FrontEndKind.Nbd, folder["b.sock"], TlsListen: "127.0.0.1:0", TlsCertificates: certificates);
        await plane.Client.CreateImageAsync(new CreateImage(target.Path, ImageFormat.Vhdx, ImageType.Differencing, 0, ParentPath: folder["there/a.vhdx"]));
        var served = await plane.Client.OpenDiskAsync(target);
        await plane.Client.StartMirrorAsync(s_disk, Mirror(served, certificates));
        await Wait.UntilAsync("the mirror is ready", async () => (await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).Phase == CopyPhase.Ready);
        Assert.InRange((await plane.Client.GetCopyAsync(s_disk, CopyKind.Mirror)).CopiedBytes, 64 << 10, 2 << 20);
        Assert.InRange((await plane.Client.GetMeterAsync(target.Id)).Writes.Bytes, 64 << 10, 2 << 20);

        // What is discarded from now on must not show the parent's data there.
        Peer.Run("qemu-io", "-f", "raw", "-c", "discard 12M 1M", uri);
        await plane.Client.CompleteMirrorAsync(s_disk, MirrorEnd.Detach);
        var read = Peer.Run(
            "qemu-io", "-r", "-f", "raw", "-c", "read -P 1 0 1M", "-c", "read -P 2 1M 64k", "-c", "read -P 1 1088k 2944k", "-c", "read -P 0 4M 2M", "-c", "read -P 1 6M 2M", "-c",
            "read -P 0 8M 64k", "-c", "read -P 1 8256k 1984k", "-c", "read -P 0 10M 1M", "-c", "read -P 1 11M 1M", "-c", "read -P 0 12M 1M", "-c", "read -P 1 13M 3M",
            $"nbd+unix:///?socket={target.SocketPath}");
        Assert.DoesNotContain("verification failed", read, StringComparison.OrdinalIgnoreCase);
    }

    private static StartMirror Mirror(DiskStatus served, string certificates) =>
        new($"nbds://{served.TlsAddress}/?tls-certificates={certificates}&tls-hostname=localhost", Create: false, KeepsChain: true, KeepsDiskId: true);

    private static Task<NbdClientDevice> ConnectAsync(string uri) =>
        NbdClientDevice.ConnectAsync(NbdAddress.Parse(uri), NbdClientOptions.Default, TimeProvider.System, default);
}
