using System.Diagnostics;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;
using Vireo.Testing.Guests;
using Xunit.Abstractions;

namespace Vireo.SystemTests.Storage;

/// <summary>
/// fio in a real guest writes to a disk and verifies what it reads, over and over, while layers go in and out, snapshots are taken and merged, the disk
/// moves to another image and the storage plane is killed: it notices at most a pause.
/// </summary>
public sealed class LayersUnderAGuestTests(ITestOutputHelper output)
{
    private const int SizeBytes = 4 << 20;

    /// <summary>Each pass of fio writes all of the range in a random order, with a checksum and the pass in each block, then reads and checks all of it.</summary>
    private static readonly string s_work = string.Join(
        '\n',
        "pass=0",
        "while [ ! -e /tmp/stop ]; do",
        "  pass=$((pass + 1))",
        $"  {ToolDisk.Environment} fio --name=verify --filename=/dev/vda --size={SizeBytes} --rw=randwrite --bsrange=4k-64k --randseed=$pass --direct=1 --fsync=32 \\",
        "    --ioengine=libaio --iodepth=8 --verify=crc32c --verify_fatal=1 --do_verify=1 --thread > /tmp/fio 2>&1 || { touch /tmp/failed; exit 1; }",
        "  echo $pass > /tmp/passes",
        "done",
        "touch /tmp/done");

    [Fact]
    [Requirement("CP-2")]
    [Requirement("CP-3")]
    [Requirement("SM-1")]
    [Requirement("BK-1")]
    [Trait("Category", "Long")]
    public Task EverythingThatIsDoneToADiskInUse_IsAtMostAPauseToTheGuest() => RunAsync("vhdx", FrontEndKind.VhostUserBlock, rounds: 1);

    [Theory]
    [Requirement("CP-2")]
    [Requirement("CP-3")]
    [Requirement("SM-1")]
    [InlineData("vhdx", FrontEndKind.VhostUserBlock)]
    [InlineData("vhd", FrontEndKind.VhostUserBlock)]
    [InlineData("vhdx", FrontEndKind.Nbd)]
    [InlineData("vhd", FrontEndKind.Nbd)]
    [Trait("Category", "Long")]
    public Task TheSameAtLength_OnEachFormat_BehindEachFrontEnd(string format, FrontEndKind frontEnd) => RunAsync(format, frontEnd, rounds: 4);

    private async Task RunAsync(string format, FrontEndKind frontEnd, int rounds)
    {
        using var folder = new TempFolder();
        GuestDisk.Build(folder["boot.raw"], 1);
        ToolDisk.Build(folder["tools.raw"], ["/usr/bin/fio"]);
        var disk = Guid.NewGuid();
        var plane = await PlaneAsync(folder);
        using var client = new StorageControlClient(HostPaths.ForRoot(folder.Path).StorageSocket);
        try
        {
            await client.CreateImageAsync(new CreateImage(folder["a." + format], format == "vhd" ? ImageFormat.Vhd : ImageFormat.Vhdx, ImageType.Dynamic, 16 << 20, format == "vhd" ? 512 << 10 : 1 << 20));
            await client.OpenDiskAsync(new DiskAttachment(disk, folder["a." + format], ReadOnly: false, frontEnd, folder["s"]));
            await using var guest = await PlainGuest.StartAsync(new PlainGuestOptions(1)
            {
                Arguments =
                [
                    "-drive", $"file={folder["boot.raw"]},format=raw,if=none,id=boot", "-device", "ide-hd,drive=boot,bootindex=1",
                    "-drive", $"file={folder["tools.raw"]},format=raw,if=none,id=tools", "-device", "ide-hd,drive=tools",
                    .. frontEnd == FrontEndKind.Nbd
                        ? (string[])["-blockdev", $"driver=nbd,node-name=disk,reconnect-delay=60,server.type=unix,server.path={folder["s"]}", "-device", "virtio-blk-pci,drive=disk,vectors=0"]
                        : ["-chardev", $"socket,id=disk,path={folder["s"]},reconnect=1", "-device", "vhost-user-blk-pci,chardev=disk,num-queues=1,vectors=0"],
                ],
            });
            await guest.Shell.CheckAsync(ToolDisk.MountCommand);
            await guest.Shell.CheckAsync($"cat > /tmp/work <<'END'\n{s_work}\nEND");

            // Apart from the console: what fio does to its terminal would end the shell.
            await guest.Shell.CheckAsync("setsid sh /tmp/work < /dev/null > /dev/null 2>&1 &");
            for (var round = 1; round < rounds; round++)
            {
                output.WriteLine($"round {round} of {rounds}");
                await InAndOutAsync(client, guest, disk);
                plane.Kill();
                plane.Dispose();
                plane = await PlaneAsync(folder);
                await PassAsync(guest, "over a kill");
                var child = folder[$"round{round}.a{format}"];
                await client.SnapshotAsync(disk, new TakeSnapshot(child));
                await PassAsync(guest, "on a snapshot");
                await client.StartMergeAsync(disk, new StartMerge(child, BytesPerSecond: 1 << 20));
                await PassAsync(guest, "in a merge");
                plane.Kill();
                plane.Dispose();
                plane = await PlaneAsync(folder);
                await Wait.UntilAsync("the merge that was cut short has ended", () => !File.Exists(child), TimeSpan.FromMinutes(2));
            }

            foreach (var layer in new LayerSpecification[]
            {
                new("watch", "trace"),
                new("limit", "throttle", Settings: new Dictionary<string, string> { ["maximumBytesPerSecond"] = "50000000" }),
                new("second", "meter", 0),
                new("backup", "changes", Settings: new Dictionary<string, string> { ["folder"] = folder["changes"] }),
            })
            {
                await client.InsertLayerAsync(disk, layer);
            }

            await PassAsync(guest, "with four layers more");
            await client.AddCheckpointAsync(disk, "backup", "full");
            foreach (var layer in new[] { "watch", "limit", "second" })
            {
                await client.RemoveLayerAsync(disk, layer);
            }

            await client.SnapshotAsync(disk, new TakeSnapshot(folder["b.a" + format]));
            await PassAsync(guest, "on a snapshot");
            await client.SnapshotAsync(disk, new TakeSnapshot(folder["c.a" + format]));
            await client.StartMergeAsync(disk, new StartMerge(folder["b.a" + format]));
            await EndAsync(client, disk, CopyKind.Merge, CopyPhase.Completed);
            await client.StartMergeAsync(disk, new StartMerge(folder["c.a" + format], BytesPerSecond: 2 << 20));
            plane.Kill();
            plane.Dispose();
            plane = await PlaneAsync(folder);
            await PassAsync(guest, "over a kill in a merge");
            await Wait.UntilAsync("the merge that was cut short has ended", () => !File.Exists(folder["c.a" + format]), TimeSpan.FromMinutes(1));
            await client.StartMirrorAsync(disk, new StartMirror(folder["d.vhdx"]));
            await EndAsync(client, disk, CopyKind.Mirror, CopyPhase.Ready);
            await PassAsync(guest, "with a mirror");
            await client.CompleteMirrorAsync(disk);
            await PassAsync(guest, "on the target of the mirror");
            Assert.Equal($"{SizeBytes}", (await client.GetLayerAsync(disk, "backup")).Report["changedBytes:full"]);
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

    // Every kind of layer goes in above those before it, and out again in another order.
    private async Task InAndOutAsync(StorageControlClient client, PlainGuest guest, Guid disk)
    {
        LayerSpecification[] layers =
        [
            new("a", "pass"), new("b", "meter"), new("c", "trace"), new("d", "throttle", 0, new Dictionary<string, string> { ["maximumIops"] = "2000" }),
            new("e", "delay", Settings: new Dictionary<string, string> { ["milliseconds"] = "1" }), new("f", "pass", 1),
        ];
        foreach (var layer in layers)
        {
            await client.InsertLayerAsync(disk, layer);
            await PassAsync(guest, $"with a layer of the kind '{layer.Kind}' more");
        }

        foreach (var name in new[] { "c", "a", "f", "e", "b", "d" })
        {
            await client.RemoveLayerAsync(disk, name);
            await PassAsync(guest, $"without the layer '{name}'");
        }
    }

    private static async Task<string> StateAsync(PlainGuest guest) =>
        await guest.Shell.CheckAsync("[ -e /tmp/failed ] && { cat /tmp/fio; echo FAILED; }; [ -e /tmp/done ] && echo done; cat /tmp/passes 2>/dev/null; true");

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
