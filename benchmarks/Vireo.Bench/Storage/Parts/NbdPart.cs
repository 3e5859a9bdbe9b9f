namespace Vireo.Bench.Storage;

/// <summary>Over NBD, with fio's engine as the client: an allocated dynamic VHDX of ours beside others' servers and formats.</summary>
internal sealed class NbdPart : IStoragePart
{
    private const double MegabytesPerSecond = 1e6;
    private static readonly (string What, string Pattern, string Block, int Depth)[] s_loads =
    [
        ("read 4 KB, depth 32", "randread", "4k", 32), ("write 4 KB, depth 32", "randwrite", "4k", 32), ("read 4 KB, depth 1", "randread", "4k", 1),
        ("write 4 KB, depth 1", "randwrite", "4k", 1), ("read 1 MB in sequence", "read", "1m", 8), ("write 1 MB in sequence", "write", "1m", 8),
    ];

    /// <inheritdoc/>
    public string Name => "nbd";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        var images = await bench.ImagesAsync(bench.Folder, "qcow2", "vhdx");
        List<DiskServer> servers = [];
        try
        {
            servers.Add(await StorageBench.ServeAsync(bench["ours.vhdx"], bench.Socket(0)));
            servers.Add(await StorageBench.NbdkitAsync(images["raw"], bench.Socket(1)));
            foreach (var format in new[] { "raw", "qcow2", "vhdx" })
            {
                // The raw file has one server already, which takes no lock; two that only overwrite it do not disturb each other.
                var socket = bench.Socket(servers.Count);
                servers.Add(await DiskServer.StartAsync($"qemu-nbd {format}", socket, "qemu-nbd", "-t", "-e", "8", "-f", format, "-k", socket, images[format]));
            }

            foreach (var load in s_loads)
            {
                await LoadAsync(bench, servers, $"NBD {load.What}", load.Pattern, load.Block, load.Depth);
            }
        }
        finally
        {
            await StorageBench.EndAsync(servers);
        }
    }

    /// <summary>One workload against all servers.</summary>
    public static Task LoadAsync(StorageBench bench, IReadOnlyList<DiskServer> servers, string what, string pattern, string block, int depth)
    {
        var isLong = block == "1m";
        return bench.CompareAsync(what, isLong ? "MB/s" : "k/s", servers, async server =>
        {
            var (operations, bytes) = await Fio.RunAsync(server, bench.Folder, Fio.Timed(pattern, block, depth, bench.Options.Seconds));
            return isLong ? bytes / MegabytesPerSecond : operations / 1000;
        });
    }
}
