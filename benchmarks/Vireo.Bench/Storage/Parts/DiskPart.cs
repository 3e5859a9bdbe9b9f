namespace Vireo.Bench.Storage;

/// <summary>Over NBD on a file system with a disk under it, where what is read is in the page cache and what is written goes there.</summary>
internal sealed class DiskPart : IStoragePart
{
    private static readonly (string What, string Pattern, string Block, int Depth)[] s_loads =
    [
        ("read 4 KB, depth 32", "randread", "4k", 32), ("write 4 KB, depth 32", "randwrite", "4k", 32), ("read 4 KB, depth 1", "randread", "4k", 1),
        ("write 4 KB, depth 1", "randwrite", "4k", 1), ("read 1 MB in sequence", "read", "1m", 8),
    ];

    /// <inheritdoc/>
    public string Name => "disk";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        var images = await bench.ImagesAsync(bench.DiskFolder);
        var format = new DriveInfo(bench.DiskFolder).DriveFormat;
        List<DiskServer> servers = [];
        try
        {
            servers.Add(await StorageBench.ServeAsync(Path.Combine(bench.DiskFolder, "ours.vhdx"), bench.Socket(0)));
            servers.Add(await StorageBench.NbdkitAsync(images["raw"], bench.Socket(1)));
            foreach (var load in s_loads)
            {
                await NbdPart.LoadAsync(bench, servers, $"NBD on {format} {load.What}", load.Pattern, load.Block, load.Depth);
            }
        }
        finally
        {
            await StorageBench.EndAsync(servers);
        }
    }
}
