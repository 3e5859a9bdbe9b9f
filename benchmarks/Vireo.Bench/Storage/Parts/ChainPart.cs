using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;

namespace Vireo.Bench.Storage;

/// <summary>
/// A chain of five differencing disks, each with a tenth of the disk written over the one below in pieces of 64 KB at random places, beside a single
/// image of the same content.
/// </summary>
internal sealed class ChainPart : IStoragePart
{
    private const int Levels = 5;
    private const int PieceBytes = 64 << 10;
    private static readonly (string What, string Pattern, string Block, int Depth)[] s_loads =
    [
        ("read 4 KB, depth 32", "randread", "4k", 32), ("read 4 KB, depth 1", "randread", "4k", 1), ("read 1 MB in sequence", "read", "1m", 8),
    ];

    /// <inheritdoc/>
    public string Name => "chain";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        await bench.ImagesAsync(bench.Folder);
        var top = bench["ours.vhdx"];
        var random = new Random(1);
        for (var level = 1; level <= Levels; level++)
        {
            var path = bench[$"level{level}.vhdx"];
            var below = top;
            await using (var parent = ImageFile.Open(below, new ImageOpenOptions(ReadOnly: true)))
            {
                ImageFile.Create(path, VhdxCreate.ForParent(parent, path));
            }

            await using var image = ImageFile.Open(path, new ImageOpenOptions());
            await ScatterAsync(image, random, (int)(image.Geometry.SizeBytes / PieceBytes / 10));
            top = path;
        }

        await Tool.OutputAsync("qemu-img", ["convert", "-f", "raw", "-O", "vhdx", bench["image.raw"], bench["single.vhdx"]]);
        List<DiskServer> servers = [];
        try
        {
            servers.Add(await StorageBench.ServeAsync(top, bench.Socket(0), "--read-only"));
            servers.Add(await DiskServer.StartAsync("a single image", bench.Socket(1), StorageBench.Vireo, "serve", bench["single.vhdx"], "--socket", bench.Socket(1), "--read-only"));
            foreach (var load in s_loads)
            {
                await NbdPart.LoadAsync(bench, servers, $"chain of {Levels}, NBD {load.What}", load.Pattern, load.Block, load.Depth);
            }
        }
        finally
        {
            await StorageBench.EndAsync(servers);
        }

        // A front end that costs less shows more of what the chain costs.
        servers.Clear();
        try
        {
            servers.Add(await StorageBench.ServeAsync(top, bench.Socket(2), "--vhost-user", "--read-only"));
            servers.Add(await DiskServer.StartAsync("a single image", bench.Socket(3), StorageBench.Vireo, "serve", bench["single.vhdx"], "--socket", bench.Socket(3), "--vhost-user", "--read-only"));
            foreach (var depth in new[] { 32, 1 })
            {
                using var first = new VhostLoad(servers[0].SocketPath, depth, 4096);
                using var second = new VhostLoad(servers[1].SocketPath, depth, 4096);
                await bench.CompareAsync($"chain of {Levels}, vhost-user read 4 KB, depth {depth}", "k/s", servers, server =>
                    Task.Run(() => (server == servers[0] ? first : second).Run(isWrite: false, 4096, depth, bench.Options.Seconds) / 1000));
            }
        }
        finally
        {
            await StorageBench.EndAsync(servers);
        }
    }

    /// <summary>Writes random bytes to random places.</summary>
    public static async Task ScatterAsync(IDiskImage image, Random random, int pieces)
    {
        using var buffer = new NativeBuffer(PieceBytes);
        random.NextBytes(buffer.Span);
        var vector = new IoVector(new[] { buffer.Segment }, PieceBytes);
        for (var i = 0; i < pieces; i++)
        {
            var status = await image.WriteAsync(random.NextInt64(image.Geometry.SizeBytes / PieceBytes) * PieceBytes, vector, WriteOptions.None);
            if (status != BlockStatus.Ok)
            {
                throw new InvalidOperationException($"'{image.Path}' could not be written: {status}.");
            }
        }
    }
}
