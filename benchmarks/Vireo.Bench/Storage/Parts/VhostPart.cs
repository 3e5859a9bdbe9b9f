namespace Vireo.Bench.Storage;

/// <summary>Over vhost-user, with a front end of our own as the guest: an allocated dynamic VHDX beside qemu-storage-daemon.</summary>
internal sealed class VhostPart : IStoragePart
{
    private const int BlockBytes = 4096;
    private static readonly (string What, bool IsWrite, int Depth)[] s_loads =
    [
        ("read 4 KB, depth 32", false, 32), ("write 4 KB, depth 32", true, 32), ("read 4 KB, depth 1", false, 1), ("write 4 KB, depth 1", true, 1),
    ];

    /// <inheritdoc/>
    public string Name => "vhost";

    /// <inheritdoc/>
    public async Task RunAsync(StorageBench bench)
    {
        var images = await bench.ImagesAsync(bench.Folder, "qcow2");
        List<DiskServer> servers = [];
        try
        {
            servers.Add(await StorageBench.ServeAsync(bench["ours.vhdx"], bench.Socket(0), "--vhost-user"));
            foreach (var (format, name, extra) in new (string, string, string[])[]
            {
                ("raw", "qemu-storage-daemon raw", []), ("raw", "the same, I/O thread, io_uring", ["--object", "iothread,id=thread"]), ("qcow2", "qemu-storage-daemon qcow2", []),
            })
            {
                var socket = bench.Socket(servers.Count);
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

            foreach (var (what, isWrite, depth) in s_loads)
            {
                var loads = servers.ToDictionary(server => server, server => new VhostLoad(server.SocketPath, depth, BlockBytes));
                try
                {
                    await bench.CompareAsync(
                        $"vhost-user {what}", "k/s", servers, server => Task.Run(() => loads[server].Run(isWrite, BlockBytes, depth, bench.Options.Seconds) / 1000));
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
            await StorageBench.EndAsync(servers);
        }
    }
}
