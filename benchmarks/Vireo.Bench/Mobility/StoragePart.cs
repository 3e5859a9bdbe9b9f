using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Bench.Machines;
using Vireo.Testing.Guests;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>The disk of a guest that writes to another one all the time goes to another folder: how fast, and how much slower the guest is meanwhile; and the same by QEMU's mirror.</summary>
internal sealed class StoragePart : IMobilityPart
{
    private const int DiskMegabytes = 2048;

    /// <inheritdoc/>
    public string Name => "storage";

    /// <inheritdoc/>
    public async Task RunAsync(MobilityBench bench)
    {
        await Tool.OutputAsync("dd", ["if=/dev/urandom", $"of={bench["data.raw"]}", "bs=1M", string.Create(CultureInfo.InvariantCulture, $"count={DiskMegabytes}"), "status=none"]);
        var ours = await OursAsync(bench);
        var theirs = await TheirsAsync(bench);
        bench.Add(new("a disk moves", "MB/s", Tool.Median(ours.Speeds), "QEMU's mirror, raw", Tool.Median(theirs.Speeds), LessIsBetter: false), 0.9);
        bench.Add(new("writes of the guest beside those alone", "%", ours.Slowed, "QEMU's mirror, raw", theirs.Slowed, LessIsBetter: false), 1);
    }

    private static async Task<Run> OursAsync(MobilityBench bench)
    {
        await using var host = await VireoHost.StartAsync();
        GuestDisk.Build(bench["guest.vhdx"], 1);
        await Tool.OutputAsync("qemu-img", ["convert", "-O", "vhdx", bench["data.raw"], bench["data.vhdx"]]);
        await host.CheckAsync("New-VM", "-Name", "guest", "-Generation", "1", "-MemoryStartupBytes", "256MB", "-VHDPath", bench["guest.vhdx"], "-Path", bench.Folder);
        await host.CheckAsync("Add-VMHardDiskDrive", "-VMName", "guest", "-ControllerType", "IDE", "-Path", bench["data.vhdx"]);
        await host.CheckAsync("Start-VM", "guest");
        await using var shell = await host.ShellAsync("guest");
        var (from, to) = (bench["data.vhdx"], bench["moved.vhdx"]);
        var run = await RunAsync(bench, shell, async _ =>
        {
            await host.CheckAsync($"Move-VMStorage guest -Vhds @{{SourceFilePath='{from}'; DestinationFilePath='{to}'}}");
            (from, to) = (to, from);
        });
        await host.CheckAsync("Stop-VM", "guest", "-TurnOff", "-Force");
        File.Delete(from);
        MobilityBench.Say($"  Vireo: {run}");
        return run;
    }

    private static async Task<Run> TheirsAsync(MobilityBench bench)
    {
        GuestDisk.Build(bench["guest.raw"], 1);
        using var qemu = await RawQemu.StartAsync(
            bench.Folder, "mirror", 256, $"file={bench["guest.raw"]},format=raw", null,
            ["-drive", $"file={bench["data.raw"]},format=raw,id=data,if=none", "-device", "ide-hd,drive=data,bus=ide.0"]);
        await using var shell = await SerialShell.OpenAsync(bench["mirror.com1"], bench["mirror.com1.log"]);
        var run = await RunAsync(bench, shell, async round =>
        {
            await qemu.DoAsync("drive-mirror", new JsonObject { ["job-id"] = "mirror", ["device"] = "data", ["target"] = Target(round), ["format"] = "raw", ["sync"] = "full", ["mode"] = "absolute-paths" });
            while (!(bool)(await qemu.DoAsync("query-block-jobs"))[0]!["ready"]!)
            {
                await Task.Delay(2);
            }

            await qemu.DoAsync("block-job-complete", new JsonObject { ["device"] = "mirror" });
            while (((JsonArray)await qemu.DoAsync("query-block-jobs")).Count > 0)
            {
                await Task.Delay(2);
            }

            File.Delete(round == 0 ? bench["data.raw"] : Target(round - 1));
        });
        MobilityBench.Say($"  QEMU: {run}");
        return run;

        string Target(int round) => bench[string.Create(CultureInfo.InvariantCulture, $"mirror{round}.raw")];
    }

    private static async Task<Run> RunAsync(MobilityBench bench, SerialShell shell, Func<int, Task> move)
    {
        await shell.CheckAsync("(i=0; while :; do dd if=/dev/zero of=/var/load bs=64k count=4 conv=fsync 2>/dev/null; i=$((i+1)); echo $i >/dev/shm/count; done) >/dev/null 2>&1 &");
        await Task.Delay(TimeSpan.FromSeconds(2));
        var alone = await RateAsync(shell, () => Task.Delay(TimeSpan.FromSeconds(5)));
        var run = new Run([], [], alone);
        for (var round = 0; round < bench.Rounds; round++)
        {
            var number = round;
            run.Rates.Add(await RateAsync(shell, async () =>
            {
                var begin = Stopwatch.GetTimestamp();
                await move(number);
                run.Speeds.Add(DiskMegabytes / Stopwatch.GetElapsedTime(begin).TotalSeconds);
            }));
        }

        return run;
    }

    // What the guest counts, by the clock out here.
    private static async Task<double> RateAsync(SerialShell shell, Func<Task> action)
    {
        var begin = Stopwatch.GetTimestamp();
        var before = await CountAsync(shell);
        await action();
        return (await CountAsync(shell) - before) / Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private static async Task<int> CountAsync(SerialShell shell)
    {
        while (true)
        {
            // Empty for a moment each time it is written.
            if (int.TryParse((await shell.CheckAsync("cat /dev/shm/count")).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                return count;
            }
        }
    }

    private sealed record Run(List<double> Speeds, List<double> Rates, double Alone)
    {
        public double Slowed => 100 * Tool.Median(Rates) / Alone;

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"{string.Join(", ", Speeds.Select(static one => one.ToString("0", CultureInfo.InvariantCulture)))} MB/s; the guest writes {string.Join(", ", Rates.Select(static one => one.ToString("0.0", CultureInfo.InvariantCulture)))} times a second, alone {Alone:0.0}");
    }
}
