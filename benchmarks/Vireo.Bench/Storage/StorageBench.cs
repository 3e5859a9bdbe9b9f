using System.Globalization;

namespace Vireo.Bench.Storage;

/// <summary>What the parts share: options, a folder for one part, images, and the table that comes out.</summary>
/// <param name="options">How to run.</param>
/// <param name="folder">Empty, for this part.</param>
/// <param name="diskFolder">The same on a file system with a disk under it.</param>
/// <param name="rows">The table.</param>
internal sealed class StorageBench(StorageOptions options, string folder, string diskFolder, List<Comparison> rows)
{
    /// <summary>Size of the images.</summary>
    public const int ImageMegabytes = 512;

    /// <summary>The storage plane that is measured.</summary>
    public static string Vireo { get; } = Path.Combine(Tool.Root, "out", "vireo-storage");

    /// <summary>How to run.</summary>
    public StorageOptions Options => options;

    /// <summary>A folder of the part's own.</summary>
    public string Folder => folder;

    /// <summary>One on a file system with a disk under it.</summary>
    public string DiskFolder => diskFolder;

    /// <summary>A file of the part's folder.</summary>
    public string this[string name] => Path.Combine(folder, name);

    /// <summary>A socket, by its number.</summary>
    public string Socket(int number) => string.Create(CultureInfo.InvariantCulture, $"{folder}/{number}.sock");

    /// <summary>Measures every contender in turns, so that what disturbs one disturbs the others; the first is Vireo.</summary>
    public async Task CompareAsync(string what, string unit, IReadOnlyList<(string Name, Func<Task<double>> Measure)> contenders, bool lessIsBetter = false)
    {
        Console.Error.WriteLine(what);
        var figures = contenders.Select(_ => new List<double>()).ToList();
        for (var round = 0; round < options.Rounds; round++)
        {
            for (var i = 0; i < contenders.Count; i++)
            {
                figures[i].Add(await contenders[i].Measure());
            }
        }

        for (var i = 1; i < contenders.Count; i++)
        {
            rows.Add(new Comparison(what, unit, Tool.Median(figures[0]), contenders[i].Name, Tool.Median(figures[i]), lessIsBetter));
        }
    }

    /// <summary>The same for servers.</summary>
    public Task CompareAsync(string what, string unit, IReadOnlyList<DiskServer> servers, Func<DiskServer, Task<double>> measure) =>
        CompareAsync(what, unit, [.. servers.Select(server => (server.Name, (Func<Task<double>>)(() => measure(server))))]);

    /// <summary>A line of the table that was measured otherwise.</summary>
    public void Add(Comparison row) => rows.Add(row);

    /// <summary>A figure that is held against a limit.</summary>
    public void AddLimit(string what, string unit, double value, double limit) =>
        rows.Add(new Comparison(what, unit, value, "the limit", limit, LessIsBetter: true));

    /// <summary>A raw file of random bytes, so that every block is allocated, and the same content in other formats.</summary>
    /// <param name="where">A folder.</param>
    /// <param name="formats">For qemu-img; the names are <c>image.FORMAT</c>.</param>
    public async Task<Dictionary<string, string>> ImagesAsync(string where, params string[] formats)
    {
        var images = formats.Prepend("raw").Distinct().ToDictionary(format => format, format => Path.Combine(where, $"image.{format}"));
        await Tool.OutputAsync("dd", ["if=/dev/urandom", $"of={images["raw"]}", "bs=1M", string.Create(CultureInfo.InvariantCulture, $"count={ImageMegabytes}"), "status=none"]);
        foreach (var (format, path) in images.Append(new("vhdx", Path.Combine(where, "ours.vhdx"))))
        {
            if (format != "raw")
            {
                await Tool.OutputAsync("qemu-img", ["convert", "-f", "raw", "-O", format, images["raw"], path]);
            }
        }

        await Tool.OutputAsync("sync", ["-f", where]);
        return images;
    }

    /// <summary>Starts Vireo's server of one image.</summary>
    public static Task<DiskServer> ServeAsync(string image, string socket, params string[] more) =>
        DiskServer.StartAsync("Vireo", socket, Vireo, ["serve", image, "--socket", socket, .. more]);

    /// <summary>Starts nbdkit over a raw file.</summary>
    public static Task<DiskServer> NbdkitAsync(string image, string socket) =>
        DiskServer.StartAsync("nbdkit file raw", socket, "nbdkit", "-f", "-U", socket, "file", image);

    /// <summary>Ends servers.</summary>
    public static async Task EndAsync(List<DiskServer> servers)
    {
        foreach (var server in servers)
        {
            await server.DisposeAsync();
        }
    }
}
