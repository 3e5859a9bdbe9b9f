using System.Diagnostics;
using Vireo.Control.Storage;
using Vireo.Testing.Guests;

namespace Vireo.Bench.Machines;

/// <summary>What a guest writes per second while a removed checkpoint is merged under it, against what it writes otherwise.</summary>
internal sealed class MergePart : IMachinesPart
{
    private const int MemoryMegabytes = 256;
    private const int DataMegabytes = 3072;
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public string Name => "merge";

    /// <inheritdoc/>
    public async Task RunAsync(MachinesBench bench)
    {
        GuestDisk.Build(bench["guest.vhdx"], 1);
        await bench.Host.OutputAsync("New-VM", "-Name", "guest", "-MemoryStartupBytes", $"{MemoryMegabytes}MB", "-VHDPath", bench["guest.vhdx"]);
        await bench.Host.OutputAsync("New-VHD", "-Path", bench["data.vhdx"], "-SizeBytes", "4GB");
        await bench.Host.OutputAsync("Add-VMHardDiskDrive", "guest", "-ControllerType", "SCSI", "-Path", bench["data.vhdx"]);
        await bench.Host.OutputAsync("Start-VM", "guest");
        var folder = await bench.Host.MachineFolderAsync("guest");
        await using var shell = await SerialShell.OpenAsync(Path.Combine(folder, "com1"), Path.Combine(folder, "com1.log"));
        await bench.Host.OutputAsync("Checkpoint-VM", "guest");
        await shell.CheckAsync($"dd if=/dev/zero of=/dev/vda bs=1M count={DataMegabytes} oflag=direct; sync", TimeSpan.FromMinutes(3));
        await shell.CheckAsync("(while :; do dd if=/dev/zero of=/dev/vda bs=1M count=512 oflag=direct; done) >/dev/null 2>&1 &");

        using var plane = new StorageControlClient(Path.Combine(bench.Host.RunFolder, "storage.sock"));
        var disk = (await plane.ListDisksAsync()).Single(open => Path.GetFileName(open.Attachment.Path).StartsWith("data", StringComparison.Ordinal)).Attachment.Id;
        var normal = await RateAsync(plane, disk, () => Task.Delay(s_quiet));
        var during = await RateAsync(plane, disk, async () =>
        {
            await bench.Host.OutputAsync("Remove-VMSnapshot", "guest");
            while (await bench.Host.PropertyAsync("guest", "Status") == "Merging disks")
            {
                await Task.Delay(10);
            }
        });
        bench.Rows.Add(new("guest's writes while a merge runs", "MB", during, "0.6 of those without", 0.6 * normal, LessIsBetter: false));
    }

    private static async Task<double> RateAsync(StorageControlClient plane, Guid disk, Func<Task> action)
    {
        var before = (await plane.GetMeterAsync(disk)).Writes.Bytes;
        var begin = Stopwatch.GetTimestamp();
        await action();
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        var written = (await plane.GetMeterAsync(disk)).Writes.Bytes - before;
        Console.Error.WriteLine($"{written >> 20} MB in {seconds:0.0} s");
        return written / seconds / (1 << 20);
    }
}
