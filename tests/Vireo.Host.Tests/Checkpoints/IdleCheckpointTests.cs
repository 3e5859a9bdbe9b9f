using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Host.Tests.Checkpoints;

/// <summary>Checkpoints of a machine that does not run: their disks are merged offline, and whatever comes between loses nothing.</summary>
public sealed class IdleCheckpointTests(HostFixture host) : IClassFixture<HostFixture>
{
    private const int Rounds = 4;

    [Fact]
    [Requirement("CP-2")]
    public async Task A_machine_that_starts_while_its_disks_are_merged_keeps_every_byte()
    {
        var disk = host["idle.vhdx"];
        await host.Client.ObjectsAsync("New-VHD", new { Path = disk, SizeBytes = 512 << 20 });
        await host.Client.ObjectsAsync("New-VM", new { Name = "idle", Generation = 1, MemoryStartupBytes = 64 << 20, VHDPath = disk });
        for (var round = 1; round <= Rounds; round++)
        {
            await host.Client.ObjectsAsync("Checkpoint-VM", new { Name = "idle" });
            var drive = Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "idle" }));
            var child = (string)drive["Path"]!;
            Assert.EndsWith(".avhdx", child, StringComparison.Ordinal);
            await WriteAsync(child, round);

            // Every other time the first merge has some time to get somewhere.
            await host.Client.ObjectsAsync("Remove-VMSnapshot", new { VMName = "idle" });
            if (round % 2 == 0)
            {
                await Task.Delay(20 * round);
            }

            await host.Client.ObjectsAsync("Start-VM", new { Name = "idle" });
            await host.Client.ObjectsAsync("Stop-VM", new { Name = "idle", TurnOff = true });
        }

        await Wait.UntilAsync(
            "the disks to be merged",
            async () => (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VMHardDiskDrive", new { VMName = "idle" }))["Path"] == disk
                && (string?)Assert.Single(await host.Client.ObjectsAsync("Get-VM", new { Name = "idle" }))["Status"] == "Operating normally",
            TimeSpan.FromMinutes(2));
        Assert.Equal([disk], Directory.GetFiles(host[""], "idle*"));
        var read = Enumerable.Range(1, Rounds).SelectMany(round => new[] { "-c", $"read -P {round} {round}M 1M", "-c", $"read -P {round} {round * 64}M 64M" });
        Assert.DoesNotContain("verification failed", Peer.Run("qemu-io", ["-r", "-f", "vhdx", .. read, disk]), StringComparison.OrdinalIgnoreCase);
        await host.Client.ObjectsAsync("Remove-VM", new { Name = "idle", Force = true });
    }

    private async Task WriteAsync(string path, int round)
    {
        using var plane = new StorageControlClient(host["run/storage.sock"]);
        var attachment = new DiskAttachment(Guid.NewGuid(), path, ReadOnly: false, FrontEndKind.Nbd, host["write.sock"]);
        await Wait.UntilAsync("the merge below to let the disk be opened", () => TryOpenAsync(plane, attachment), TimeSpan.FromMinutes(1));
        Peer.Run("qemu-io", "-f", "raw", "-c", $"write -P {round} {round}M 1M", "-c", $"write -P {round} {round * 64}M 64M", "-c", "flush", $"nbd+unix:///?socket={attachment.SocketPath}");
        await plane.CloseDiskAsync(attachment.Id);
    }

    // The host does not know of this, and may be merging what the image stands on.
    private static async Task<bool> TryOpenAsync(StorageControlClient plane, DiskAttachment attachment)
    {
        try
        {
            await plane.OpenDiskAsync(attachment);
            return true;
        }
        catch (ControlException busy) when (busy.Error.Category is "ResourceBusy" or "ObjectNotFound" or "InvalidArgument")
        {
            return false;
        }
    }
}
