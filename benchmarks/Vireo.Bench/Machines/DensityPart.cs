using System.Globalization;

namespace Vireo.Bench.Machines;

/// <summary>What idle machines cost in the planes: memory and processor time. With a large <c>--count</c> it ends where the machine's memory does.</summary>
internal sealed class DensityPart : IMachinesPart
{
    private const double WantedMegabytes = 1.5;
    private const double WantedPercent = 1;
    private const long LeastFreeBytes = 2L << 30;
    private const int MeasuredSamples = 4;

    // As often as the host takes one.
    private static readonly TimeSpan s_sample = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(20);

    /// <inheritdoc/>
    public string Name => "density";

    /// <inheritdoc/>
    public async Task RunAsync(MachinesBench bench)
    {
        var (_, vhdx) = await TinyGuest.MakeAsync(bench);
        for (var number = 0; number < bench.Count; number++)
        {
            File.Copy(vhdx, Disk(bench, number));
            await bench.Host.OutputAsync("New-VM", "-Name", Machine(number), "-MemoryStartupBytes", $"{TinyGuest.MemoryMegabytes}MB", "-VHDPath", Disk(bench, number));
        }

        await Task.Delay(s_idle);
        var planes = bench.Host.Planes();
        var before = planes.Sum(plane => MemoryBytes(plane.Id));
        var running = 0;
        for (; running < bench.Count && FreeBytes() > LeastFreeBytes; running++)
        {
            await bench.Host.OutputAsync("Start-VM", Machine(running));
        }

        // Firmware and boot sector have long ended then.
        await Task.Delay(s_idle);
        var used = Ticks(planes);
        await Task.Delay(s_idle);
        var percent = (Ticks(planes) - used) / s_idle.TotalSeconds;
        var megabytes = (planes.Sum(plane => MemoryBytes(plane.Id)) - before) / (double)(1 << 20) / running;
        var metered = await MeteringMillisecondsAsync(bench, planes, percent);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{running} machines run; {FreeBytes() >> 20} MB of memory are left"));
        foreach (var plane in planes)
        {
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {plane.ProcessName,-16} {MemoryBytes(plane.Id) >> 20} MB"));
        }

        bench.Rows.Add(new($"memory of an idle machine, {running} run", "MB", megabytes, "wanted", WantedMegabytes, LessIsBetter: true));
        bench.Rows.Add(new($"processor of {running} idle machines", "%", Math.Max(percent, 0.01), "wanted", WantedPercent, LessIsBetter: true));
        bench.Rows.Add(new($"metering of {running} idle machines, a sample", "ms", metered, "wanted: 1 % of a processor", s_sample.TotalMilliseconds / 100, LessIsBetter: true));
    }

    // What the planes use more than before, for each time that the figures are read.
    private static async Task<double> MeteringMillisecondsAsync(MachinesBench bench, IReadOnlyList<System.Diagnostics.Process> planes, double idlePercent)
    {
        await bench.Host.OutputAsync("Enable-VMResourceMetering", "idle*");
        await Task.Delay(s_sample);
        var used = Ticks(planes);
        await Task.Delay(s_sample * MeasuredSamples);
        var percent = (Ticks(planes) - used) / (s_sample.TotalSeconds * MeasuredSamples);
        await bench.Host.OutputAsync("Disable-VMResourceMetering", "idle*");
        return Math.Max(percent - idlePercent, 0.01) / 100 * s_sample.TotalMilliseconds;
    }

    private static string Machine(int number) => string.Create(CultureInfo.InvariantCulture, $"idle{number:0000}");

    private static string Disk(MachinesBench bench, int number) => bench[string.Create(CultureInfo.InvariantCulture, $"idle{number:0000}.vhdx")];

    // What is shared with others counts in parts (proc(5), smaps_rollup).
    private static long MemoryBytes(int process) => Kilobytes(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/smaps_rollup"), "Pss:") << 10;

    private static long FreeBytes() => Kilobytes("/proc/meminfo", "MemAvailable:") << 10;

    private static long Kilobytes(string file, string name) =>
        long.Parse(File.ReadLines(file).First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    // A hundredth of a second each.
    private static long Ticks(IEnumerable<System.Diagnostics.Process> planes) => planes.Sum(plane =>
    {
        plane.Refresh();
        return plane.TotalProcessorTime.Ticks / (TimeSpan.TicksPerSecond / 100);
    });
}
