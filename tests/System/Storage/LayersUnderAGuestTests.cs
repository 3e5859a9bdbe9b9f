using System.Diagnostics;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;
using Vireo.Testing.Guests;
using Xunit.Abstractions;

namespace Vireo.SystemTests.Storage;

/// <summary>
/// A real kernel writes to a disk and compares what it reads, over and over, while layers go in and out, snapshots are taken and merged, the disk
/// moves to another image and the storage plane is killed: it notices at most a pause.
/// </summary>
public sealed class LayersUnderAGuestTests(ITestOutputHelper output)
{
    private const int ChunkBytes = 256 << 10;
    private const int Chunks = 32;

    /// <summary>Each pass writes the stream turned by one chunk more, drops what is cached, and compares all of it.</summary>
    private static readonly string s_work = string.Join(
        '\n',
        "pass=0",
        "while [ ! -e /tmp/stop ]; do",
        "  pass=$((pass + 1)); turn=$((pass % CHUNKS))",
        "  for i in $(seq 0 $((CHUNKS - 1))); do",
        "    dd if=/tmp/stream of=/dev/vda bs=CHUNK count=1 skip=$(((i + turn) % CHUNKS)) seek=$i conv=notrunc 2>/dev/null || { echo write > /tmp/failed; exit 1; }",
        "    [ $((i % 8)) = 7 ] && { sync /dev/vda || { echo sync > /tmp/failed; exit 1; }; }",
        "  done",
        "  echo 3 > /proc/sys/vm/drop_caches",
        "  want=$({ dd if=/tmp/stream bs=CHUNK skip=$turn; dd if=/tmp/stream bs=CHUNK count=$turn; } 2>/dev/null | sha256sum)",
        "  have=$(dd if=/dev/vda bs=CHUNK count=CHUNKS 2>/dev/null | sha256sum)",
        "  [ \"$want\" = \"$have\" ] || { echo pass $pass > /tmp/failed; exit 1; }",
        "  echo $pass > /tmp/passes",
        "done",
        "touch /tmp/done").Replace("CHUNKS", $"{Chunks}", StringComparison.Ordinal).Replace("CHUNK", $"{ChunkBytes}", StringComparison.Ordinal);

    [Fact]
    [Requirement("CP-2")]
    [Requirement("CP-3")]
    [Requirement("SM-1")]
    [Requirement("BK-1")]
    public async Task EverythingThatIsDoneToADiskInUse_IsAtMostAPauseToTheGuest()
    {
        using var folder = new TempFolder();
        GuestDisk.Build(folder["boot.raw"], 1);
        var disk = Guid.NewGuid();
        var plane = await PlaneAsync(folder);
        using var client = new StorageControlClient(HostPaths.ForRoot(folder.Path).StorageSocket);
        try
        {
            await client.CreateImageAsync(new CreateImage(folder["a.vhdx"], ImageFormat.Vhdx, ImageType.Dynamic, 16 << 20, 1 << 20));
            await client.OpenDiskAsync(new DiskAttachment(disk, folder["a.vhdx"], ReadOnly: false, FrontEndKind.VhostUserBlock, folder["s"]));
            await using var guest = await PlainGuest.StartAsync(new PlainGuestOptions(1)
            {
                BootLimit = TimeSpan.FromMinutes(2),
                Arguments =
                [
                    "-drive", $"file={folder["boot.raw"]},format=raw,if=none,id=boot", "-device", "ide-hd,drive=boot,bootindex=1", "-chardev", $"socket,id=disk,path={folder["s"]},reconnect=1",
                    "-device", "vhost-user-blk-pci,chardev=disk,num-queues=1,vectors=0",
                ],
            });
            await guest.Shell.CheckAsync($"dd if=/dev/urandom of=/tmp/stream bs={ChunkBytes} count={Chunks} 2>/dev/null");
            await guest.Shell.CheckAsync($"cat > /tmp/work <<'END'\n{s_work}\nEND");
            await guest.Shell.CheckAsync("sh /tmp/work > /dev/null 2>&1 &");
            foreach (var layer in new LayerSpecification[]
            {
                new("watch", "trace"),
                new("limit", "throttle", Settings: new Dictionary<string, string> { ["maximumBytesPerSecond"] = "50000000" }),
                new("second", "meter", 0),
                new("backup", "changes", Settings: new Dictionary<string, string> { ["folder"] = folder["changes"] }),
            })
            {
                await client.InsertLayerAsync(disk, layer);
                await PassAsync(guest, $"with the layer '{layer.Name}'");
            }

            await client.AddCheckpointAsync(disk, "backup", "full");
            foreach (var layer in new[] { "watch", "limit", "second" })
            {
                await client.RemoveLayerAsync(disk, layer);
            }

            await client.SnapshotAsync(disk, new TakeSnapshot(folder["b.avhdx"]));
            await PassAsync(guest, "on a snapshot");
            await client.SnapshotAsync(disk, new TakeSnapshot(folder["c.avhdx"]));
            await client.StartMergeAsync(disk, new StartMerge(folder["b.avhdx"]));
            await EndAsync(client, disk, CopyKind.Merge, CopyPhase.Completed);
            await client.StartMergeAsync(disk, new StartMerge(folder["c.avhdx"], BytesPerSecond: 2 << 20));
            plane.Kill();
            plane.Dispose();
            plane = await PlaneAsync(folder);
            await PassAsync(guest, "over a kill in a merge");
            await Wait.UntilAsync("the merge that was cut short has ended", () => !File.Exists(folder["c.avhdx"]), TimeSpan.FromMinutes(1));
            await client.StartMirrorAsync(disk, new StartMirror(folder["d.vhdx"]));
            await EndAsync(client, disk, CopyKind.Mirror, CopyPhase.Ready);
            await PassAsync(guest, "with a mirror");
            await client.CompleteMirrorAsync(disk);
            await PassAsync(guest, "on the target of the mirror");
            Assert.Equal("8388608", (await client.GetLayerAsync(disk, "backup")).Report["changedBytes:full"]);
            Assert.Equal(0, (await client.GetHealthAsync()).LayerViolations);
            await guest.Shell.CheckAsync("touch /tmp/stop");
            await Wait.UntilAsync("the work has ended", async () => (await StateAsync(guest)).Contains("done", StringComparison.Ordinal), TimeSpan.FromMinutes(1));
            Assert.DoesNotContain("I/O error", await guest.Shell.CheckAsync("dmesg"), StringComparison.Ordinal);
            await guest.PowerOffAsync();
            Peer.Run("kill", $"{plane.Id}");
            Assert.True(plane.WaitForExit(TimeSpan.FromMinutes(1)));
        }
        finally
        {
            if (!plane.HasExited)
            {
                plane.Kill();
                plane.WaitForExit();
            }

            plane.Dispose();
        }

        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["d.vhdx"]);
    }

    private static async Task<string> StateAsync(PlainGuest guest) =>
        await guest.Shell.CheckAsync("cat /tmp/failed 2>/dev/null && echo FAILED; [ -e /tmp/done ] && echo done; cat /tmp/passes 2>/dev/null; true");

    // Until two more passes have ended: the second began after the call.
    private async Task PassAsync(PlainGuest guest, string what)
    {
        int? begun = null;
        await Wait.UntilAsync(
            $"the guest verifies {what}",
            async () =>
            {
                var state = await StateAsync(guest);
                Assert.DoesNotContain("FAILED", state, StringComparison.Ordinal);
                _ = int.TryParse(state.Trim(), out var passes);
                begun ??= passes;
                return passes >= begun + 2;
            },
            TimeSpan.FromMinutes(2));
        output.WriteLine($"verified {what}");
    }

    private static Task EndAsync(StorageControlClient client, Guid disk, CopyKind kind, CopyPhase phase) => Wait.UntilAsync(
        $"the {kind} is {phase}",
        async () =>
        {
            var status = await client.GetCopyAsync(disk, kind);
            Assert.True(status.Phase is not (CopyPhase.Failed or CopyPhase.Cancelled), $"{status}");
            return status.Phase == phase;
        },
        TimeSpan.FromMinutes(1));

    private static async Task<Process> PlaneAsync(TempFolder folder)
    {
        var plane = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "vireo-storage"), ["--root", folder.Path]) { UseShellExecute = false })!;
        using var client = new StorageControlClient(HostPaths.ForRoot(folder.Path).StorageSocket);
        await Wait.UntilAsync("the plane answers", async () =>
        {
            try
            {
                await client.GetHealthAsync();
                return true;
            }
            catch (ControlException)
            {
                return false;
            }
        });
        return plane;
    }
}
