using System.Globalization;
using System.Text.Json;

namespace Vireo.Bench.Storage;

/// <summary>fio with its NBD client.</summary>
internal static class Fio
{
    /// <summary>Runs one workload against a server.</summary>
    /// <returns>Requests a second and bytes a second.</returns>
    public static async Task<(double Operations, double Bytes)> RunAsync(DiskServer server, string folder, params string[] arguments)
    {
        var output = await Tool.OutputAsync(
            "fio",
            ["--name=bench", "--ioengine=nbd", $"--uri={server.Uri}", "--randrepeat=0", "--output-format=json", $"--aux-path={folder}", .. arguments]);

        // Its engine prints a line of its own before the document.
        using var document = JsonDocument.Parse(output[output.IndexOf('{', StringComparison.Ordinal)..]);
        var job = document.RootElement.GetProperty("jobs")[0];
        if (job.GetProperty("error").GetInt32() != 0)
        {
            throw new InvalidOperationException($"fio failed against {server.Name} with error {job.GetProperty("error").GetInt32()}.");
        }

        var (operations, bytes) = (0.0, 0.0);
        foreach (var direction in new[] { "read", "write" })
        {
            operations += job.GetProperty(direction).GetProperty("iops").GetDouble();
            bytes += job.GetProperty(direction).GetProperty("bw_bytes").GetDouble();
        }

        return (operations, bytes);
    }

    /// <summary>Arguments of a workload that runs for a time.</summary>
    public static string[] Timed(string pattern, string blockSize, int depth, double seconds) =>
    [
        $"--rw={pattern}", $"--bs={blockSize}", string.Create(CultureInfo.InvariantCulture, $"--iodepth={depth}"), "--norandommap",
        $"--size={StorageBench.ImageMegabytes}m", "--time_based", string.Create(CultureInfo.InvariantCulture, $"--runtime={seconds * 1000:0}ms"),
    ];
}
