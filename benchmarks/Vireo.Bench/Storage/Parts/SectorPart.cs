using Vireo.Control.Storage;

namespace Vireo.Bench.Storage;

/// <summary>What the emulation of 512-byte sectors over sectors of 4096 costs: requests that fit the large sectors, and such that do not.</summary>
internal sealed class SectorPart : IStoragePart
{
    private static readonly (string What, string Pattern, string Block, int Depth)[] s_loads =
    [
        ("read 4 KB, depth 32", "randread", "4k", 32), ("write 4 KB, depth 32", "randwrite", "4k", 32), ("read 512 bytes, depth 32", "randread", "512", 32),
        ("write 512 bytes, depth 32", "randwrite", "512", 32), ("write 512 bytes, depth 1", "randwrite", "512", 1),
    ];

    /// <inheritdoc/>
    public string Name => "sectors";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        using var plane = await StoragePlane.StartAsync(bench["host"]);
        List<DiskServer> servers = [];
        foreach (var (name, sector) in new[] { ("Vireo", 4096), ("sectors of 512, not emulated", 512) })
        {
            var (image, socket) = (bench[$"sectors{sector}.vhdx"], bench.Socket(servers.Count));
            await plane.Client.CreateImageAsync(new CreateImage(image, ImageFormat.Vhdx, ImageType.Dynamic, (long)StorageBench.ImageMegabytes << 20, LogicalSectorBytes: sector, PhysicalSectorBytes: 4096));
            await plane.Client.OpenDiskAsync(new DiskAttachment(Guid.NewGuid(), image, ReadOnly: false, FrontEndKind.Nbd, socket, EmulateSectors: sector == 4096));
            servers.Add(DiskServer.At(name, socket));
            await Fio.RunAsync(servers[^1], bench.Folder, "--rw=write", "--bs=1m", "--iodepth=8", $"--size={StorageBench.ImageMegabytes}m");
        }

        foreach (var load in s_loads)
        {
            await NbdPart.LoadAsync(bench, servers, $"sector emulation, {load.What}", load.Pattern, load.Block, load.Depth);
        }
    }
}
