using System.Globalization;

namespace Vireo.Bench.Machines;

/// <summary>
/// Running machines: what a start costs beside virsh and bare QEMU, what many idle ones cost, and how long a guest stands still for a checkpoint.
/// </summary>
internal sealed class MachinesBenchmark : IBenchmark
{
    private static readonly IMachinesPart[] s_parts = [new StartPart(), new HeartbeatPart(), new ManyPart(), new DensityPart(), new CheckpointPart(), new MergePart()];

    /// <inheritdoc/>
    public string Name => "machines";

    /// <inheritdoc/>
    public string Summary =>
        $"start, run and checkpoint virtual machines: virsh, bare QEMU [--count 200] [--folder /var/tmp] [--only {string.Join('|', s_parts.Select(static part => part.Name))}]";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs => [.. LibvirtSession.Needs, ("qemu-img", "qemu-utils"), ("qemu-system-x86_64", "qemu-system-x86")];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var (count, parent, only) = (200, "/var/tmp", (string?)null);
        for (var i = 0; i + 1 < arguments.Count; i += 2)
        {
            (count, parent, only) = arguments[i] switch
            {
                "--count" => (int.Parse(arguments[i + 1], CultureInfo.InvariantCulture), parent, only),
                "--folder" => (count, arguments[i + 1], only),
                "--only" => (count, parent, arguments[i + 1]),
                _ => throw new ArgumentException($"./bench machines does not know '{arguments[i]}'."),
            };
        }

        List<Comparison> rows = [];
        foreach (var part in s_parts.Where(part => only is null || part.Name == only))
        {
            // Short: sockets have their place in it.
            var folder = Directory.CreateDirectory(Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"vb{Environment.ProcessId}"))).FullName;
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
            try
            {
                await using var host = await BenchHost.UpAsync(Path.Combine(folder, "host"));
                Console.Error.WriteLine($"[{part.Name}]");
                await part.RunAsync(new MachinesBench(host, folder, count, rows));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return rows;
    }
}
