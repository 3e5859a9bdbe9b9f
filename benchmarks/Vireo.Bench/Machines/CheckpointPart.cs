using System.Text.Json.Nodes;
using Vireo.Testing.Guests;

namespace Vireo.Bench.Machines;

/// <summary>How long a guest that changes its memory stands still for a checkpoint with memory, and for the same steps in bare QEMU.</summary>
internal sealed class CheckpointPart : IMachinesPart
{
    private const int Rounds = 5;
    private const int MemoryMegabytes = 256;

    /// <inheritdoc/>
    public string Name => "checkpoint";

    /// <inheritdoc/>
    public async Task RunAsync(MachinesBench bench)
    {
        GuestDisk.Build(bench["guest.vhdx"], 1);
        GuestDisk.Build(bench["guest.raw"], 1);
        List<double> ours = [], theirs = [], idle = [];
        await bench.Host.OutputAsync("New-VM", "-Name", "guest", "-MemoryStartupBytes", $"{MemoryMegabytes}MB", "-VHDPath", bench["guest.vhdx"]);
        await bench.Host.OutputAsync("Set-VM", "guest", "-CheckpointType", "Standard");
        await bench.Host.OutputAsync("Start-VM", "guest");
        var folder = await bench.Host.MachineFolderAsync("guest");
        await using (var shell = await SerialShell.OpenAsync(Path.Combine(folder, "com1"), Path.Combine(folder, "com1.log")))
        {
            await using var pauses = await Pauses.BeginAsync(shell, Path.Combine(folder, "com2"));
            for (var round = 0; round < Rounds; round++)
            {
                idle.Add(await pauses.LongestAsync(() => Task.Delay(TimeSpan.FromSeconds(1))));
                ours.Add(await pauses.LongestAsync(() => bench.Host.OutputAsync("Checkpoint-VM", "guest")));
            }
        }

        await bench.Host.OutputAsync("Stop-VM", "guest", "-TurnOff");
        using (var qemu = await RawQemu.StartAsync(bench.Folder, "raw", MemoryMegabytes, $"file={bench["guest.raw"]},format=raw"))
        {
            await using var shell = await SerialShell.OpenAsync(bench["raw.com1"], bench["raw.com1.log"]);
            await using var pauses = await Pauses.BeginAsync(shell, bench["raw.com2"]);
            for (var round = 0; round < Rounds; round++)
            {
                var number = round;
                theirs.Add(await pauses.LongestAsync(() => SnapshotAsync(qemu, bench, number)));
            }
        }

        Console.Error.WriteLine($"The longest silence without a checkpoint: {Tool.Median(idle):0} ms");
        bench.Rows.Add(new("Checkpoint-VM, pause of the guest", "ms", Tool.Median(ours), "QEMU: migrate to a file, snapshot", Tool.Median(theirs), LessIsBetter: true));
    }

    // Memory to a file that survives a power cut, and a new image on top of the disk.
    private static async Task SnapshotAsync(RawQemu qemu, MachinesBench bench, int number)
    {
        await qemu.DoAsync("stop");
        await qemu.DoAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = long.MaxValue });
        await qemu.DoAsync("migrate", new JsonObject { ["uri"] = $"exec:cat >{bench[$"memory{number}"]}; sync -d {bench[$"memory{number}"]}" });
        while ((string?)(await qemu.DoAsync("query-migrate"))["status"] is not "completed")
        {
            await Task.Delay(2);
        }

        await qemu.DoAsync("blockdev-snapshot-sync", new JsonObject { ["device"] = "disk", ["snapshot-file"] = bench[$"top{number}.qcow2"], ["format"] = "qcow2" });
        await qemu.DoAsync("cont");
    }
}
