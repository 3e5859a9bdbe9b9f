using System.Text.Json;
using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Storage.Layers;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>NBD clients that others wrote.</summary>
public sealed class NbdPeerTests
{
    [Fact]
    public async Task Nbdinfo_SeesWhatTheServerOffers()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, OpenNew(folder, 64 << 20));
        var export = JsonDocument.Parse(Peer.Run("nbdinfo", "--json", server.Uri)).RootElement;
        Assert.Equal("newstyle-fixed", export.GetProperty("protocol").GetString());
        Assert.True(export.GetProperty("structured").GetBoolean());
        var disk = export.GetProperty("exports")[0];
        Assert.Equal(64 << 20, disk.GetProperty("export-size").GetInt64());
        Assert.Equal(512, disk.GetProperty("block_size_minimum").GetInt32());
        foreach (var ability in new[] { "can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn", "can_df" })
        {
            Assert.True(disk.GetProperty(ability).GetBoolean(), ability);
        }

        Assert.False(disk.GetProperty("is_read_only").GetBoolean());
        Assert.Equal("base:allocation", disk.GetProperty("contexts")[0].GetString());
        Assert.Contains("export=\"\"", Peer.Run("nbdinfo", "--list", server.Uri), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nbdcopy_RoundTripsWithSeveralConnections_AndSeesHoles()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, OpenNew(folder, 96 << 20));
        var content = new byte[10 << 20];
        new Random(3).NextBytes(content);
        using (var stream = File.Create(folder["source"]))
        {
            stream.SetLength(96 << 20);
            stream.Position = 20 << 20;
            stream.Write(content);
        }

        Peer.Run("nbdcopy", "--flush", "--connections=4", folder["source"], server.Uri);
        Peer.Run("nbdcopy", server.Uri, folder["target"]);
        Peer.Run("cmp", folder["source"], folder["target"]);
        var map = JsonDocument.Parse(Peer.Run("nbdinfo", "--map", "--json", server.Uri)).RootElement.EnumerateArray().ToList();
        Assert.Equal(10 << 20, map.Where(extent => extent.GetProperty("type").GetInt32() == 0).Sum(extent => extent.GetProperty("length").GetInt64()));
        Assert.Equal(96 << 20, map.Sum(extent => extent.GetProperty("length").GetInt64()));
    }

    [Fact]
    public async Task QemuIo_ReadsWritesTrimsZeroesAndFlushes()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, OpenNew(folder, 64 << 20));
        var commands = new[]
        {
            "write -P 0x11 1M 4M", "write -f -P 0x22 2M 64k", "flush", "read -P 0x11 1M 1M", "read -P 0x22 2M 64k",
            "write -z 3M 64k", "read -P 0 3M 64k", "write -z -u 32M 1M", "discard 1M 512k", "read -P 0 1M 512k", "aio_write -P 0x33 8M 1M", "aio_write -P 0x44 9M 1M",
            "aio_flush", "read -P 0x33 8M 1M", "read -P 0x44 9M 1M",
        };
        var output = Peer.Run("qemu-io", [.. commands.SelectMany(command => new[] { "-c", command }), "-f", "raw", $"nbd+unix:///?socket={server.SocketPath}"]);
        Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("read 1048576/1048576", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fio_VerifiesWhatItWroteWithManyRequestsAtOnce()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, OpenNew(folder, 64 << 20));
        Peer.Run(
            "fio", "--name=verify", "--ioengine=nbd", $"--uri={server.Uri}", "--rw=randwrite", "--bs=4k-64k", "--size=32m", "--iodepth=16", "--verify=crc32c",
            "--do_verify=1", "--fsync=50", $"--aux-path={folder.Path}", "--randrepeat=0");
    }

    [Fact]
    public async Task Nbdsh_DoesEverything_AndWhatIsWrongIsRefused()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, OpenNew(folder, 64 << 20));
        const string script =
            """
            import errno, nbd
            size = h.get_size()
            data = bytes(range(256)) * 256
            h.pwrite(data, 1 << 20)
            h.pwrite(data, size - 65536, nbd.CMD_FLAG_FUA)
            h.zero(4096, 1 << 20, nbd.CMD_FLAG_NO_HOLE)
            h.trim(1 << 20, 8 << 20)
            h.flush()
            assert h.pread(65536, size - 65536) == data
            assert h.pread(65536, 1 << 20) == bytes(4096) + data[4096:]
            buffers = [nbd.Buffer(4096) for _ in range(64)]
            for i, buffer in enumerate(buffers):
                h.aio_pread(buffer, (1 << 20) + 4096 * (i % 16))
            while h.aio_in_flight() > 0:
                h.poll(-1)
            assert all(bytes(b.to_bytearray()) == (bytes(4096) + data[4096:])[4096 * (i % 16):][:4096] for i, b in enumerate(buffers))
            seen = []
            h.block_status(size, 0, lambda context, offset, entries, error: seen.extend(entries) or 0)
            assert sum(seen[0::2]) == size and 0 in seen[1::2] and 3 in seen[1::2], seen

            # libnbd sends what it knows to be wrong once it is told not to look.
            h.set_strict_mode(0)
            def refused(what, request):
                try:
                    request()
                except nbd.Error as error:
                    assert error.errno in ("EINVAL", "ENOSPC", "ENOTSUP", "EOVERFLOW"), (what, error.errno)
                else:
                    raise SystemExit("not refused: " + what)
            refused("read behind the end", lambda: h.pread(512, size))
            refused("read over the end", lambda: h.pread(1024, size - 512))
            refused("read at the end of numbers", lambda: h.pread(512, 2**63 - 512))
            refused("write behind the end", lambda: h.pwrite(bytes(512), size))
            refused("write of a part of a sector", lambda: h.pwrite(bytes(100), 0))
            refused("write between sectors", lambda: h.pwrite(bytes(512), 3))
            refused("read between sectors", lambda: h.pread(512, 1))
            refused("trim behind the end", lambda: h.trim(1 << 20, size))
            refused("zeros between sectors", lambda: h.zero(512, 1))
            refused("zeros over the end", lambda: h.zero(1 << 20, size - 512))
            refused("block status behind the end", lambda: h.block_status(512, size, lambda *_: 0))
            refused("cache", lambda: h.cache(512, 0))
            refused("a flag that does not belong", lambda: h.pread(512, 0, nbd.CMD_FLAG_FAST_ZERO))
            refused("a read that is too long", lambda: h.pread(48 << 20, 0))
            assert h.pread(65536, size - 65536) == data
            """;
        Nbdsh("--base-allocation", "-u", server.Uri, "-c", script).Succeeded("nbdsh");

        // A write that is too long costs its client the connection, and nobody else anything.
        var tooLong = Nbdsh("-u", server.Uri, "-c", "h.set_strict_mode(0); h.pwrite(bytes(48 << 20), 0)");
        Assert.NotEqual(0, tooLong.ExitCode);
        Assert.Contains("nbd", tooLong.Error, StringComparison.OrdinalIgnoreCase);
        Nbdsh("-u", server.Uri, "-c", "assert h.pread(4096, 1 << 20) == bytes(4096)").Succeeded("nbdsh");

        // As the program nbdsh does, with the interpreter that the library was installed for.
        static PeerResult Nbdsh(params string[] arguments) => Peer.TryRun("/usr/bin/python3", ["-m", "nbd", .. arguments]);
    }

    [Fact]
    public async Task ReadOnlyDisk_SaysSo_AndRefusesWrites()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(8 << 20, IsFixed: false));
        await using var server = new NbdServer(folder, ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions(ReadOnly: true)));
        Assert.Contains("is_read_only: true", Peer.Run("nbdinfo", server.Uri), StringComparison.Ordinal);
        Assert.NotEqual(0, Peer.TryRun("nbdcopy", folder["a.vhdx"], server.Uri).ExitCode);
        Peer.Run("nbdcopy", server.Uri, folder["out"]);
    }

    [Fact]
    public async Task FailureBelow_ReachesTheClientAsAnError()
    {
        using var folder = new TempFolder();
        await using var server = new NbdServer(folder, OpenNew(folder, 8 << 20));
        await server.Stack.InsertAsync(new FaultLayer("fault", BlockOperations.Read, BlockStatus.IoError, 100, new Random(1)));
        var result = Peer.TryRun("qemu-io", "-f", "raw", "-c", "read 0 4k", $"nbd+unix:///?socket={server.SocketPath}");
        Assert.Contains("Input/output error", result.Output + result.Error, StringComparison.Ordinal);
    }

    private static IDiskImage OpenNew(TempFolder folder, long size)
    {
        ImageFile.Create(folder["disk.vhdx"], new VhdxCreate(size, IsFixed: false, 1 << 20));
        return ImageFile.Open(folder["disk.vhdx"], new ImageOpenOptions());
    }
}
