using System.Diagnostics;
using System.Globalization;

namespace Vireo.Bench.Machines;

/// <summary>Starting many machines with one command, and as many bare QEMU processes at once.</summary>
internal sealed class ManyPart : IMachinesPart
{
    private const int Rounds = 3;
    private const int Machines = 50;

    /// <inheritdoc/>
    public string Name => "many";

    /// <inheritdoc/>
    public async Task RunAsync(MachinesBench bench)
    {
        var (raw, vhdx) = await TinyGuest.MakeAsync(bench);
        for (var number = 0; number < Machines; number++)
        {
            var disk = bench[string.Create(CultureInfo.InvariantCulture, $"m{number:00}.vhdx")];
            File.Copy(vhdx, disk);
            await bench.Host.OutputAsync("New-VM", "-Name", string.Create(CultureInfo.InvariantCulture, $"many{number:00}"), "-MemoryStartupBytes", $"{TinyGuest.MemoryMegabytes}MB", "-VHDPath", disk);
        }

        List<double> ours = [], theirs = [];
        for (var round = 0; round < Rounds; round++)
        {
            ours.Add(await bench.Host.TimeAsync("Get-VM many* | Start-VM"));
            await bench.Host.OutputAsync("Stop-VM", "many*", "-TurnOff");

            var begin = Stopwatch.GetTimestamp();
            var running = await Task.WhenAll(Enumerable.Range(0, Machines).Select(number => Task.Run(() => RawQemu.StartAsync(
                bench.Folder, string.Create(CultureInfo.InvariantCulture, $"raw{round}-{number}"), TinyGuest.MemoryMegabytes, $"file={raw},format=raw,snapshot=on"))));
            theirs.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            foreach (var one in running)
            {
                one.Dispose();
            }
        }

        bench.Rows.Add(new($"Get-VM | Start-VM, {Machines} machines", "ms", Tool.Median(ours), "QEMU processes at once", Tool.Median(theirs), LessIsBetter: true));
    }
}
