using Vireo.Disks;
using Vireo.Testing;
using Vireo.Testing.Guests;
using Vireo.Testing.Vhost;

namespace Vireo.SystemTests.Storage;

/// <summary>A real driver in a real kernel writes a checksummed stream to a vhost-user disk whose server is killed again and again.</summary>
public sealed class KilledUnderAGuestTests
{
    private const int ChunkBytes = 256 << 10;
    private const int Chunks = 48;

    [Fact]
    [Trait("Category", "Long")]
    public async Task TheGuestNoticesAtMostAPauseAndEveryByteIsThere()
    {
        using var folder = new TempFolder();
        var boot = folder["boot.raw"];
        GuestDisk.Build(boot, 1);
        ImageFile.CreateRaw(folder["data.raw"], Chunks * ChunkBytes, reserve: false);
        var server = StorageServerProcess.Start(folder["data.raw"], folder["s"]);
        try
        {
            // The guest's programs come from an ordinary disk, see "Emulated processors" in src/Vireo.Vhost/README.md.
            await using var guest = await PlainGuest.StartAsync(new PlainGuestOptions(1)
            {
                Arguments =
                [
                    "-drive", $"file={boot},format=raw,if=none,id=boot", "-device", "ide-hd,drive=boot,bootindex=1", "-chardev", $"socket,id=disk,path={folder["s"]},reconnect=1",
                    "-device", "vhost-user-blk-pci,chardev=disk,num-queues=1,vectors=0",
                ],
            });
            await guest.Shell.CheckAsync($"dd if=/dev/urandom of=/tmp/stream bs={ChunkBytes} count={Chunks} 2>/dev/null");
            var expected = await guest.Shell.CheckAsync("sha256sum < /tmp/stream");
            var writing = guest.Shell.CheckAsync(
                $"for i in $(seq 0 {Chunks - 1}); do dd if=/tmp/stream of=/dev/vda bs={ChunkBytes} count=1 skip=$i seek=$i conv=notrunc,fsync 2>/dev/null || exit 1; done",
                TimeSpan.FromMinutes(2));
            foreach (var chunk in new[] { Chunks / 6, Chunks / 3, Chunks / 2, Chunks * 2 / 3 })
            {
                await Wait.UntilAsync($"chunk {chunk} is in the image", () => IsWritten(folder["data.raw"], chunk), TimeSpan.FromMinutes(1));
                server.Kill();
                server.Dispose();
                server = StorageServerProcess.Start(folder["data.raw"], folder["s"]);
            }

            await writing;
            Assert.Equal(expected, await guest.Shell.CheckAsync($"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs={ChunkBytes} count={Chunks} 2>/dev/null | sha256sum"));
            Assert.DoesNotContain("I/O error", await guest.Shell.CheckAsync("dmesg"), StringComparison.Ordinal);
            await guest.PowerOffAsync();
        }
        finally
        {
            server.Dispose();
        }
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task AGuestBootsFromAVhdxOverVhostUser()
    {
        using var folder = new TempFolder();
        var disk = folder["disk.vhdx"];
        GuestDisk.Build(disk, 2);
        using (var server = StorageServerProcess.Start(disk, folder["s"]))
        {
            server.Connect(folder["s"]).Dispose();
            await using var guest = await PlainGuest.StartAsync(new PlainGuestOptions(2)
            {
                Arguments =
                [
                    "-chardev", $"socket,id=disk,path={folder["s"]},reconnect=1", "-device", "vhost-user-blk-pci,chardev=disk,num-queues=2,vectors=0",
                ],
            });
            Assert.Equal("1", await guest.Shell.CheckAsync("cat /sys/block/vda/queue/discard_granularity | wc -l"));
            await guest.Shell.CheckAsync("seq 100000 > /data/numbers && sync");
            await guest.PowerOffAsync();
            server.Stop();
        }

        Peer.Run("qemu-img", "check", disk);
        Peer.Run("qemu-img", "convert", "-O", "raw", disk, folder["disk.raw"]);
        Assert.EndsWith("\n99999\n100000\n", GuestDisk.ReadFile(folder["disk.raw"], "/data/numbers"), StringComparison.Ordinal);
    }

    private static bool IsWritten(string image, int chunk)
    {
        using var file = File.OpenHandle(image, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[512];
        return RandomAccess.Read(file, bytes, (long)chunk * ChunkBytes) == bytes.Length && bytes.AsSpan().ContainsAnyExcept((byte)0);
    }
}
