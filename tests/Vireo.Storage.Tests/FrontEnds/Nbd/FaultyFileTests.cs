using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>A file that fails at any call: the client sees errors, and whatever it reads is what it wrote last.</summary>
public sealed class FaultyFileTests
{
    private const int DiskBytes = 32 << 20;
    private const int BlockBytes = 4096;

    [Theory]
    [InlineData(BlockStatus.IoError)]
    [InlineData(BlockStatus.NoSpace)]
    public async Task CallsThatFail_AreErrors_AndNeverWrongData(BlockStatus failure)
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(DiskBytes, IsFixed: false, 1 << 20));
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var file = new FaultyFile(SystemImageFile.Open(folder["a.vhdx"], readOnly: false), failure, new Random(seed + 1));
        var expected = new byte[DiskBytes / BlockBytes];
        var isUnsure = new bool[expected.Length];
        var failures = 0;
        await using (var server = new NbdServer(folder, ImageFile.Open(file)))
        {
            using var client = new NbdClient(server.SocketPath);
            var data = new byte[BlockBytes];
            for (var round = 0; round < 4000; round++)
            {
                file.IsFailing = round / 200 % 2 == 1;
                var block = random.Next(expected.Length);
                switch (random.Next(5))
                {
                    case 0 or 1:
                        var value = (byte)random.Next(1, 256);
                        data.AsSpan().Fill(value);
                        client.Socket.Send(NbdClient.Request(NbdClient.Write, 1, (ulong)block * BlockBytes, BlockBytes, data));
                        var written = client.ReceiveReply().Error == 0;
                        failures += written ? 0 : 1;

                        // A write that failed may have happened or not, as with any disk.
                        expected[block] = written ? value : expected[block];
                        isUnsure[block] = !written;
                        break;
                    case 2:
                        client.Socket.Send(NbdClient.Request(NbdClient.Flush, 2, 0, 0));
                        failures += client.ReceiveReply().Error == 0 ? 0 : 1;
                        break;
                    default:
                        client.Socket.Send(NbdClient.Request(NbdClient.Read, 3, (ulong)block * BlockBytes, BlockBytes));
                        if (client.ReceiveReply().Error != 0)
                        {
                            failures++;
                            break;
                        }

                        client.Receive(data);
                        Assert.True(isUnsure[block] || data.AsSpan().IndexOfAnyExcept(expected[block]) < 0, $"seed {seed} round {round} block {block}");
                        break;
                }
            }

            file.IsFailing = false;
            client.Socket.Send(NbdClient.Request(NbdClient.Flush, 2, 0, 0));
            Assert.Equal(0u, client.ReceiveReply().Error);
        }

        Assert.InRange(failures, 1, int.MaxValue);
        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["a.vhdx"]);
        await using var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions(ReadOnly: true));
        using var memory = new Vireo.Platform.Memory.NativeBuffer(BlockBytes);
        for (var block = 0; block < expected.Length; block++)
        {
            Assert.Equal(BlockStatus.Ok, await image.ReadAsync((long)block * BlockBytes, new IoVector(new[] { memory.Segment }, BlockBytes)));
            Assert.True(isUnsure[block] || memory.Span.IndexOfAnyExcept(expected[block]) < 0, $"seed {seed} block {block} afterwards");
        }
    }

    private sealed class FaultyFile(IImageFile below, BlockStatus failure, Random random) : IImageFile
    {
        public bool IsFailing { get; set; }

        public string Path => below.Path;

        public bool IsReadOnly => below.IsReadOnly;

        public bool MayWait => below.MayWait;

        public long LengthBytes => below.LengthBytes;

        public BlockStatus Read(long offsetBytes, Span<byte> target) => Fails(BlockStatus.IoError) ?? below.Read(offsetBytes, target);

        public BlockStatus Write(long offsetBytes, ReadOnlySpan<byte> source) => Fails(failure) ?? below.Write(offsetBytes, source);

        public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
            Fails(BlockStatus.IoError) is { } status ? new(status) : below.ReadAsync(offsetBytes, buffers, start, lengthBytes);

        public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
            Fails(failure) is { } status ? new(status) : below.WriteAsync(offsetBytes, buffers, start, lengthBytes);

        // No power is lost here.
        public BlockStatus Flush() => Fails(failure) ?? BlockStatus.Ok;

        public BlockStatus SetLength(long lengthBytes) => Fails(failure) ?? below.SetLength(lengthBytes);

        public BlockStatus Reserve(long offsetBytes, long lengthBytes) => Fails(failure) ?? below.Reserve(offsetBytes, lengthBytes);

        public BlockStatus Discard(long offsetBytes, long lengthBytes) => Fails(failure) ?? below.Discard(offsetBytes, lengthBytes);

        public BlockStatus Zero(long offsetBytes, long lengthBytes) => Fails(failure) ?? below.Zero(offsetBytes, lengthBytes);

        public long MeasureRun(long offsetBytes, long lengthBytes, out bool isHole) => below.MeasureRun(offsetBytes, lengthBytes, out isHole);

        public void Dispose() => below.Dispose();

        private BlockStatus? Fails(BlockStatus status)
        {
            lock (random)
            {
                return IsFailing && random.Next(6) == 0 ? status : null;
            }
        }
    }
}
