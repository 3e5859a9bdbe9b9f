using System.Globalization;

namespace Vireo.Bench.Storage;

/// <summary>
/// Serving disks: a dynamic VHDX of ours beside what others serve, over NBD and over vhost-user, and first writes into unallocated blocks.
/// All servers of a workload run at once and idle but one; rounds go around, so that what disturbs one disturbs the others.
/// </summary>
internal sealed class StorageBenchmark : IBenchmark
{
    /// <summary>Size of the images.</summary>
    public const int ImageMegabytes = 512;

    private const double MegabytesPerSecond = 1e6;
    private static readonly (string What, string Pattern, string Block, int Depth)[] s_nbd =
    [
        ("read 4 KB, depth 32", "randread", "4k", 32), ("write 4 KB, depth 32", "randwrite", "4k", 32), ("read 4 KB, depth 1", "randread", "4k", 1),
        ("write 4 KB, depth 1", "randwrite", "4k", 1), ("read 1 MB in sequence", "read", "1m", 8), ("write 1 MB in sequence", "write", "1m", 8),
    ];

    private static readonly (string What, bool IsWrite, int Depth)[] s_vhost =
    [
        ("read 4 KB, depth 32", false, 32), ("write 4 KB, depth 32", true, 32), ("read 4 KB, depth 1", false, 1), ("write 4 KB, depth 1", true, 1),
    ];

    private readonly string _vireo = Path.Combine(Tool.Root, "out", "vireo-storage");

    /// <inheritdoc/>
    public string Name => "storage";

    /// <inheritdoc/>
    public string Summary => "serve disks: nbdkit, qemu-nbd, qemu-storage-daemon [--seconds 2] [--rounds 3] [--folder /dev/shm] [--only nbd|vhost|first]";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs =>
    [
        ("fio", "fio"), ("nbdkit", "nbdkit"), ("qemu-nbd", "qemu-utils"), ("qemu-img", "qemu-utils"), ("qemu-storage-daemon", "qemu-system-common"),
    ];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var options = Options.Parse(arguments);
        var folder = Directory.CreateDirectory(Path.Combine(options.Folder, $"vireo-bench-{Environment.ProcessId}")).FullName;
        try
        {
            List<Comparison> rows = [];
            if (options.Only is null or "nbd")
            {
                await NbdAsync(options, folder, rows);
            }

            if (options.Only is null or "vhost")
            {
                await VhostAsync(options, folder, rows);
            }

            if (options.Only is null or "first")
            {
                await FirstWritesAsync(options, folder, rows);
            }

            return rows;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task NbdAsync(Options options, string folder, List<Comparison> rows)
    {
        var images = await ImagesAsync(folder, "raw", "qcow2", "vhdx");
        List<DiskServer> servers = [];
        try
        {
            servers.Add(await DiskServer.StartAsync("Vireo", Socket(folder, 0), _vireo, "serve", Path.Combine(folder, "ours.vhdx"), "--socket", Socket(folder, 0)));
            servers.Add(await DiskServer.StartAsync("nbdkit file raw", Socket(folder, 1), "nbdkit", "-f", "-U", Socket(folder, 1), "file", images["raw"]));
            foreach (var format in new[] { "raw", "qcow2", "vhdx" })
            {
                // The raw file has one server already, which takes no lock; two that only overwrite it do not disturb each other.
                var socket = Socket(folder, servers.Count);
                servers.Add(await DiskServer.StartAsync($"qemu-nbd {format}", socket, "qemu-nbd", "-t", "-e", "8", "-f", format, "-k", socket, images[format]));
            }

            foreach (var (what, pattern, block, depth) in s_nbd)
            {
                var isLong = block == "1m";
                await CompareAsync(options, rows, $"NBD {what}", isLong ? "MB/s" : "k/s", servers, async server =>
                {
                    var (operations, bytes) = await Fio.RunAsync(server, folder, Fio.Timed(pattern, block, depth, options.Seconds));
                    return isLong ? bytes / MegabytesPerSecond : operations / 1000;
                });
            }
        }
        finally
        {
            await EndAsync(servers);
        }
    }

    private async Task VhostAsync(Options options, string folder, List<Comparison> rows)
    {
        var images = await ImagesAsync(folder, "raw", "qcow2");
        List<DiskServer> servers = [];
        try
        {
            servers.Add(await DiskServer.StartAsync("Vireo", Socket(folder, 0), _vireo, "serve", Path.Combine(folder, "ours.vhdx"), "--vhost-user", Socket(folder, 0)));
            foreach (var (format, name, extra) in new (string, string, string[])[]
            {
                ("raw", "qemu-storage-daemon raw", []), ("raw", "the same, I/O thread, io_uring", ["--object", "iothread,id=thread"]), ("qcow2", "qemu-storage-daemon qcow2", []),
            })
            {
                var socket = Socket(folder, servers.Count);
                var thread = extra.Length > 0 ? ",iothread=thread" : "";
                var engine = extra.Length > 0 ? "aio=io_uring," : "";

                // Two daemons of one raw file: the lock would refuse the second, and what they write does not matter.
                servers.Add(await DiskServer.StartAsync(
                    name,
                    socket,
                    "qemu-storage-daemon",
                    [
                        .. extra, "--blockdev", $"driver=file,node-name=file,{engine}locking=off,filename={images[format]}", "--blockdev", $"driver={format},node-name=disk,file=file",
                        "--export", $"type=vhost-user-blk,id=export,node-name=disk,addr.type=unix,addr.path={socket},writable=on,num-queues=1{thread}",
                    ]));
            }

            foreach (var (what, isWrite, depth) in s_vhost)
            {
                const int blockBytes = 4096;
                var loads = servers.ToDictionary(server => server, server => new VhostLoad(server, depth, blockBytes));
                try
                {
                    await CompareAsync(
                        options, rows, $"vhost-user {what}", "k/s", servers, server => Task.Run(() => loads[server].Run(isWrite, blockBytes, depth, options.Seconds) / 1000));
                }
                finally
                {
                    foreach (var load in loads.Values)
                    {
                        load.Dispose();
                    }
                }
            }
        }
        finally
        {
            await EndAsync(servers);
        }
    }

    // Each write is the first one into its block of 1 MB, and every 64th is followed by a flush; the images are made anew for each round.
    private async Task FirstWritesAsync(Options options, string folder, List<Comparison> rows)
    {
        (string Name, string Format, string[] Options)[] kinds =
        [
            ("Vireo", "vhdx", ["-o", "block_size=1M"]), ("qemu-nbd vhdx", "vhdx", ["-o", "block_size=1M"]), ("qemu-nbd qcow2", "qcow2", []),
        ];
        var figures = kinds.ToDictionary(kind => kind.Name, _ => new List<double>());
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var (name, format, settings) in kinds)
            {
                var (image, socket) = (Path.Combine(folder, $"first.{format}"), Socket(folder, 0));
                await Tool.OutputAsync("qemu-img", ["create", "-q", "-f", format, .. settings, image, "4G"]);
                var server = name == "Vireo"
                    ? await DiskServer.StartAsync(name, socket, _vireo, "serve", image, "--socket", socket)
                    : await DiskServer.StartAsync(name, socket, "qemu-nbd", "-t", "-f", format, "-k", socket, image);
                await using (server)
                {
                    var (operations, _) = await Fio.RunAsync(server, folder, "--rw=randwrite", "--bs=4k", "--ba=1m", "--size=4g", "--iodepth=16", "--fsync=64", "--io_size=16m");
                    figures[name].Add(operations / 1000);
                }

                File.Delete(image);
            }
        }

        rows.AddRange(figures.Where(figure => figure.Key != "Vireo").Select(figure => new Comparison(
            "NBD first writes, flush every 64", "k/s", Tool.Median(figures["Vireo"]), figure.Key, Tool.Median(figure.Value), LessIsBetter: false)));
    }

    private static async Task CompareAsync(
        Options options, List<Comparison> rows, string what, string unit, List<DiskServer> servers, Func<DiskServer, Task<double>> measure)
    {
        Console.Error.WriteLine(what);
        var figures = servers.ToDictionary(server => server, _ => new List<double>());
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var server in servers)
            {
                figures[server].Add(await measure(server));
            }
        }

        rows.AddRange(servers.Skip(1).Select(peer => new Comparison(
            what, unit, Tool.Median(figures[servers[0]]), peer.Name, Tool.Median(figures[peer]), LessIsBetter: false)));
    }

    // All of random bytes, so that every block is allocated.
    private static async Task<Dictionary<string, string>> ImagesAsync(string folder, params string[] formats)
    {
        var images = formats.ToDictionary(format => format, format => Path.Combine(folder, $"image.{format}"));
        if (!File.Exists(images["raw"]))
        {
            await Tool.OutputAsync("dd", ["if=/dev/urandom", $"of={images["raw"]}", "bs=1M", $"count={ImageMegabytes}", "status=none"]);
        }

        foreach (var (format, path) in images.Append(new("vhdx", Path.Combine(folder, "ours.vhdx"))))
        {
            if (!File.Exists(path))
            {
                await Tool.OutputAsync("qemu-img", ["convert", "-f", "raw", "-O", format, images["raw"], path]);
            }
        }

        return images;
    }

    private static string Socket(string folder, int number) => string.Create(CultureInfo.InvariantCulture, $"{folder}/{number}.sock");

    private static async Task EndAsync(List<DiskServer> servers)
    {
        foreach (var server in servers)
        {
            await server.DisposeAsync();
        }
    }

    private sealed record Options(double Seconds, int Rounds, string Folder, string? Only)
    {
        public static Options Parse(IReadOnlyList<string> arguments)
        {
            var options = new Options(2, 3, "/dev/shm", null);
            for (var i = 0; i + 1 < arguments.Count; i += 2)
            {
                var value = arguments[i + 1];
                options = arguments[i] switch
                {
                    "--seconds" => options with { Seconds = double.Parse(value, CultureInfo.InvariantCulture) },
                    "--rounds" => options with { Rounds = int.Parse(value, CultureInfo.InvariantCulture) },
                    "--folder" => options with { Folder = value },
                    "--only" when value is "nbd" or "vhost" or "first" => options with { Only = value },
                    _ => throw new ArgumentException($"There is no option '{arguments[i]} {value}'; see ./bench without a name."),
                };
            }

            return options;
        }
    }
}
