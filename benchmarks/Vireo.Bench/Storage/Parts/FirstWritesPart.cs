namespace Vireo.Bench.Storage;

/// <summary>
/// First writes: each is the first one into its block of 1 MB, and every 64th is followed by a flush, so that all promise the same. The images
/// are made anew for each round.
/// </summary>
internal sealed class FirstWritesPart : IStoragePart
{
    /// <inheritdoc/>
    public string Name => "first";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        await CompareAsync(bench, bench.Folder, "in memory");
        await CompareAsync(bench, bench.DiskFolder, $"on {new DriveInfo(bench.DiskFolder).DriveFormat}");
    }

    private static Task CompareAsync(StorageBench bench, string folder, string where)
    {
        (string Name, string Format, string[] Options)[] kinds =
        [
            ("Vireo", "vhdx", ["-o", "block_size=1M"]), ("qemu-nbd vhdx", "vhdx", ["-o", "block_size=1M"]), ("qemu-nbd qcow2", "qcow2", []),
        ];
        return bench.CompareAsync($"NBD first writes, flush every 64, {where}", "k/s", [.. kinds.Select(kind => (kind.Name, (Func<Task<double>>)(() => MeasureAsync(kind))))]);

        async Task<double> MeasureAsync((string Name, string Format, string[] Options) kind)
        {
            var (image, socket) = (Path.Combine(folder, $"first.{kind.Format}"), bench.Socket(0));
            await Tool.OutputAsync("qemu-img", ["create", "-q", "-f", kind.Format, .. kind.Options, image, "4G"]);
            var server = kind.Name == "Vireo"
                ? await StorageBench.ServeAsync(image, socket)
                : await DiskServer.StartAsync(kind.Name, socket, "qemu-nbd", "-t", "-f", kind.Format, "-k", socket, image);
            double operations;
            await using (server)
            {
                (operations, _) = await Fio.RunAsync(server, bench.Folder, "--rw=randwrite", "--bs=4k", "--ba=1m", "--size=4g", "--iodepth=16", "--fsync=64", "--io_size=16m");
            }

            File.Delete(image);
            return operations / 1000;
        }
    }
}
