using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Bench.Machines;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing.Guests;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>
/// A disk of a running guest goes to another file: a dynamic VHDX by <c>Move-VMStorage</c>, a raw image and a VHDX by QEMU's mirror, in turns; while the guest is idle, and while it
/// writes to another disk all the time. How fast, as a whole and the copying alone, and how much slower the guest is meanwhile.
/// </summary>
internal sealed class StoragePart : IMobilityPart
{
    private const int DiskMegabytes = 2048;
    private const int Moves = 3;
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(5);

    /// <inheritdoc/>
    public string Name => "storage";

    /// <inheritdoc/>
    public async Task RunAsync(MobilityBench bench)
    {
        var (raw, vhdx) = (bench["theirs.raw"], bench["theirs.vhdx"]);
        await Tool.OutputAsync("dd", ["if=/dev/urandom", $"of={raw}", "bs=1M", string.Create(CultureInfo.InvariantCulture, $"count={DiskMegabytes}"), "status=none"]);
        await using var host = await VireoHost.StartAsync();
        var disk = new OurDisk(bench);
        GuestDisk.Build(bench["guest.vhdx"], 1);
        GuestDisk.Build(bench["guest.raw"], 1);
        await Tool.OutputAsync("qemu-img", ["convert", "-O", "vhdx", raw, disk.Path]);
        File.Copy(disk.Path, vhdx);
        await host.CheckAsync("New-VM", "-Name", "guest", "-Generation", "1", "-MemoryStartupBytes", "256MB", "-VHDPath", bench["guest.vhdx"], "-Path", bench.Folder);
        await host.CheckAsync("Add-VMHardDiskDrive", "-VMName", "guest", "-ControllerType", "IDE", "-Path", disk.Path);
        await host.CheckAsync("Start-VM", "guest");
        using var plane = new StorageControlClient(HostPaths.ForRoot(host.Root).StorageSocket);
        using var qemu = await RawQemu.StartAsync(
            bench.Folder, "mirror", 256, $"file={bench["guest.raw"]},format=raw", null,
            [
                "-drive", $"file={raw},format=raw,id=raw,if=none", "-device", "ide-hd,drive=raw,bus=ide.0",
                "-drive", $"file={vhdx},format=vhdx,id=vhdx,if=none", "-device", "ide-hd,drive=vhdx,bus=ide.1,unit=1",
            ]);
        await using var ours = await host.ShellAsync("guest");
        await using var theirs = await SerialShell.OpenAsync(bench["mirror.com1"], bench["mirror.com1.log"]);
        Side[] sides =
        [
            new("Vireo", ours, () => MoveAsync(host, plane, disk)),
            new("QEMU, raw", theirs, async () => await MirrorAsync(qemu, "raw", raw, raw = Next("raw"))),
            new("QEMU, VHDX", theirs, async () => await MirrorAsync(qemu, "vhdx", vhdx, vhdx = Next("vhdx"))),
        ];

        for (var round = 0; round < bench.Rounds; round++)
        {
            foreach (var side in round % 2 == 0 ? sides : sides.Reverse())
            {
                await side.RunAsync();
            }
        }

        foreach (var side in sides)
        {
            MobilityBench.Say($"  {side}");
        }

        await host.CheckAsync("Stop-VM", "guest", "-TurnOff", "-Force");
        string Next(string format) => bench[string.Create(CultureInfo.InvariantCulture, $"theirs{Stopwatch.GetTimestamp()}.{format}")];
        foreach (var (side, peer, wanted) in new[] { (sides[0], sides[1], (double?)0.9), (sides[0], sides[2], null) })
        {
            var who = $"{peer.Name}, mirror";
            bench.Add(new("a disk moves, idle guest", "MB/s", side.Idle.Rate, who, peer.Idle.Rate, LessIsBetter: false), wanted);
            bench.Add(new($"the copying alone", "MB/s", side.Idle.CopyRate, who, peer.Idle.CopyRate, LessIsBetter: false), null);
            bench.Add(new("a disk moves, writing guest", "MB/s", side.Writing.Rate, who, peer.Writing.Rate, LessIsBetter: false), wanted);
            bench.Add(new($"the copying alone, writing guest", "MB/s", side.Writing.CopyRate, who, peer.Writing.CopyRate, LessIsBetter: false), null);
            bench.Add(new("the guest's writes beside alone", "%", side.Slowed, who, peer.Slowed, LessIsBetter: false), wanted is null ? null : 1);
        }
    }

    // Seconds in which it was copied.
    private static async Task<double> MoveAsync(VireoHost host, StorageControlClient plane, OurDisk disk)
    {
        var id = (await plane.ListDisksAsync()).Single(open => open.Attachment.Path == disk.Path).Attachment.Id;
        var (from, to) = (disk.Path, disk.Next());
        var begin = Stopwatch.GetTimestamp();
        var command = host.CheckAsync($"Move-VMStorage guest -Vhds @{{SourceFilePath='{from}'; DestinationFilePath='{to}'}}");
        var (first, last) = (0.0, 0.0);
        while (!command.IsCompleted)
        {
            try
            {
                var (path, phase) = await plane.GetCopyAsync(id, CopyKind.Mirror) is var copy ? (copy.Path, copy.Phase) : default;
                var now = Stopwatch.GetElapsedTime(begin).TotalSeconds;
                first = first == 0 && path == to ? now : first;
                if (path == to && phase != CopyPhase.Copying)
                {
                    last = now;
                    break;
                }
            }
            catch (ControlException)
            {
                // It has not begun.
            }

            await Task.Delay(s_look);
        }

        await command;
        return last - first;
    }

    private static async Task<double> MirrorAsync(RawQemu qemu, string drive, string source, string target)
    {
        var begin = Stopwatch.GetTimestamp();
        await qemu.DoAsync("drive-mirror", new JsonObject { ["job-id"] = "mirror", ["device"] = drive, ["target"] = target, ["format"] = drive, ["sync"] = "full", ["mode"] = "absolute-paths" });
        while (!(bool)(await qemu.DoAsync("query-block-jobs"))[0]!["ready"]!)
        {
            await Task.Delay(s_look);
        }

        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        await qemu.DoAsync("block-job-complete", new JsonObject { ["device"] = "mirror" });
        while (((JsonArray)await qemu.DoAsync("query-block-jobs")).Count > 0)
        {
            await Task.Delay(s_look);
        }

        File.Delete(source);
        return seconds;
    }

    private sealed class OurDisk(MobilityBench bench)
    {
        private int _number;

        public string Path { get; private set; } = bench["ours.vhdx"];

        public string Next() => Path = bench[string.Create(CultureInfo.InvariantCulture, $"ours{++_number}.vhdx")];
    }

    /// <param name="Name">For people.</param>
    /// <param name="Shell">Of the guest.</param>
    /// <param name="Move">Moves the disk, and tells how many seconds of it were copying.</param>
    private sealed record Side(string Name, SerialShell Shell, Func<Task<double>> Move)
    {
        private const string Load = "(i=0; while [ -e /dev/shm/go ]; do dd if=/dev/zero of=/var/load bs=64k count=4 conv=fsync 2>/dev/null; i=$((i+1)); echo $i >/dev/shm/count; done) >/dev/null 2>&1 &";
        private readonly List<double> _alone = [];
        private readonly List<double> _meanwhile = [];

        public Speeds Idle { get; } = new();

        public Speeds Writing { get; } = new();

        // Each round with what the guest did just before.
        public double Slowed => 100 * Tool.Median(_meanwhile.Zip(_alone, static (during, before) => during / before));

        public async Task RunAsync()
        {
            await SeveralAsync(Idle, static moves => moves());
            await Shell.CheckAsync($"rm -f /dev/shm/count; touch /dev/shm/go; {Load}");
            await Task.Delay(TimeSpan.FromSeconds(2));
            _alone.Add(await RateAsync(() => Task.Delay(TimeSpan.FromSeconds(4))));
            await SeveralAsync(Writing, async moves => _meanwhile.Add(await RateAsync(moves)));
            await Shell.CheckAsync("rm /dev/shm/go");
        }

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"{Name}: idle {Idle}; writing {Writing}; the guest writes {List(_meanwhile, "0.0")} times a second, alone {List(_alone, "0.0")}");

        private static string List(List<double> values, string format) => string.Join(", ", values.Select(one => one.ToString(format, CultureInfo.InvariantCulture)));

        // One after the other, and the first is not counted: memory that was not used for seconds a hypervisor may have taken away, and gives back slowly.
        private async Task SeveralAsync(Speeds speeds, Func<Func<Task>, Task> measure)
        {
            await Move();
            await measure(async () =>
            {
                for (var move = 0; move < Moves; move++)
                {
                    var begin = Stopwatch.GetTimestamp();
                    var copying = await Move();
                    speeds.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds, copying);
                }
            });
        }

        // What the guest counts, by the clock out here.
        private async Task<double> RateAsync(Func<Task> action)
        {
            var begin = Stopwatch.GetTimestamp();
            var before = await CountAsync();
            await action();
            return (await CountAsync() - before) / Stopwatch.GetElapsedTime(begin).TotalSeconds;
        }

        private async Task<int> CountAsync()
        {
            while (true)
            {
                // Empty for a moment each time it is written.
                if (int.TryParse((await Shell.CheckAsync("cat /dev/shm/count || true")).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                {
                    return count;
                }
            }
        }
    }

    private sealed class Speeds
    {
        private readonly List<double> _seconds = [];
        private readonly List<double> _copying = [];

        public double Rate => DiskMegabytes / Tool.Median(_seconds);

        public double CopyRate => DiskMegabytes / Tool.Median(_copying);

        public void Add(double seconds, double copying)
        {
            _seconds.Add(seconds);
            _copying.Add(copying);
        }

        public override string ToString() => string.Join(
            ", ", _seconds.Zip(_copying, static (all, copying) => string.Create(CultureInfo.InvariantCulture, $"{all:0.00} ({copying:0.00})"))) + " s";
    }
}
