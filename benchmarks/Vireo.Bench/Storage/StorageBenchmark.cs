namespace Vireo.Bench.Storage;

/// <summary>
/// Serving disks: ours beside what others serve, over NBD and over vhost-user; and what is done to disks beside copying with <c>cp</c>. All servers of a
/// workload run at once and idle but one; rounds go around.
/// </summary>
internal sealed class StorageBenchmark : IBenchmark
{
    private static readonly IStoragePart[] s_parts =
        [new NbdPart(), new DiskPart(), new VhostPart(), new FirstWritesPart(), new ChainPart(), new SplicePart(), new MergePart(), new CopyPart(), new SectorPart(), new MemoryPart()];

    /// <inheritdoc/>
    public string Name => "storage";

    /// <inheritdoc/>
    public string Summary =>
        $"serve disks: nbdkit, qemu-nbd, qemu-storage-daemon, cp [--seconds 1.5] [--rounds 3] [--folder /dev/shm] [--disk-folder /var/tmp] [--only {string.Join('|', s_parts.Select(static part => part.Name))}]";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs =>
    [
        ("fio", "fio"), ("nbdkit", "nbdkit"), ("qemu-nbd", "qemu-utils"), ("qemu-img", "qemu-utils"), ("qemu-storage-daemon", "qemu-system-common"),
    ];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var options = StorageOptions.Parse(arguments, s_parts.Select(static part => part.Name));
        List<Comparison> rows = [];
        foreach (var part in s_parts.Where(part => options.Only is null || options.Only == part.Name))
        {
            var name = $"vireo-bench-{Environment.ProcessId}";
            var folder = Directory.CreateDirectory(Path.Combine(options.Folder, name)).FullName;
            var diskFolder = Directory.CreateDirectory(Path.Combine(options.DiskFolder, name + "-disk")).FullName;
            try
            {
                await part.RunAsync(new StorageBench(options, folder, diskFolder, rows));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
                Directory.Delete(diskFolder, recursive: true);
            }
        }

        return rows;
    }
}
