using System.Globalization;

namespace Vireo.Bench.Mobility;

/// <summary>
/// Machines that move between two hosts, each in a network namespace of its own with a cable of limited rate between them: how well storage and link are used, and what many moves
/// leave behind.
/// </summary>
internal sealed class MobilityBenchmark : IBenchmark
{
    private static readonly IMobilityPart[] s_parts = [new MemoryPart(), new StoragePart(), new ManyPart(), new RepeatPart()];

    /// <inheritdoc/>
    public string Name => "mobility";

    /// <inheritdoc/>
    public string Summary =>
        $"move virtual machines and storage: bare QEMU [--rounds 5] [--folder /dev/shm] [--only {string.Join('|', s_parts.Select(static part => part.Name))}]";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs =>
        [("qemu-img", "qemu-utils"), ("qemu-system-x86_64", "qemu-system-x86"), ("tc", "iproute2")];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var (rounds, parent, only) = (5, "/dev/shm", (string?)null);
        for (var i = 0; i + 1 < arguments.Count; i += 2)
        {
            (rounds, parent, only) = arguments[i] switch
            {
                "--rounds" => (int.Parse(arguments[i + 1], CultureInfo.InvariantCulture), parent, only),
                "--folder" => (rounds, arguments[i + 1], only),
                "--only" => (rounds, parent, arguments[i + 1]),
                _ => throw new ArgumentException($"./bench mobility does not know '{arguments[i]}'."),
            };
        }

        List<Comparison> rows = [];
        foreach (var part in s_parts.Where(part => only is null || part.Name == only))
        {
            var folder = Directory.CreateDirectory(Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"vb{Environment.ProcessId}"))).FullName;
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
            try
            {
                MobilityBench.Say($"[{part.Name}]");
                await part.RunAsync(new MobilityBench(folder, rounds, rows));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return rows;
    }
}
