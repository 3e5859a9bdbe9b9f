using Vireo.Disks.Files;
using Vireo.Platform.Events;
using Vireo.Platform.Memory;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Files;

/// <summary>Data of an image file on every way that there is: on a reactor and elsewhere, through the page cache and past it.</summary>
public sealed class SystemImageFileTests
{
    private const int FileBytes = 4 << 20;

    [Fact]
    public async Task AFileThatIsRemovedWhileItsLockIsAwaited_IsNotOpened()
    {
        using var folder = new TempFolder();
        for (var round = 0; round < 20; round++)
        {
            await File.WriteAllBytesAsync(folder["f"], new byte[512]);
            var owner = SystemImageFile.Open(folder["f"], readOnly: false);
            var next = Task.Run(() => Assert.Throws<ImageException>(() => SystemImageFile.Open(folder["f"], readOnly: false).Dispose()));
            await Task.Delay(round);
            File.Delete(folder["f"]);
            owner.Dispose();
            Assert.Contains((await next).Kind, new[] { ImageErrorKind.NotFound, ImageErrorKind.InUse });
        }
    }

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(true, false, false)]
    [InlineData(true, true, true)]
    [InlineData(true, true, false)]
    [InlineData(false, true, true)]
    [InlineData(false, false, true)]
    public async Task RandomReadsAndWrites_MoveTheRightBytes(bool isOnReactor, bool isDirect, bool useRing)
    {
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder["f"], new byte[FileBytes]);
        using var file = SystemImageFile.Open(folder["f"], readOnly: false);
        if (isDirect)
        {
            Assert.True(file.TryGoDirect(), $"the file system of {folder.Path} allows no direct access");
        }

        using var reactor = new Reactor("files", useRing: useRing);
        using var memory = new NativeBuffer(1 << 20);
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var expected = new byte[FileBytes];
        for (var round = 0; round < 400; round++)
        {
            // Sectors, in one piece or three, on a page's boundary or off it.
            var lengthBytes = random.Next(1, round % 20 == 0 ? 1500 : 40) * 512;
            var offset = random.Next((FileBytes - lengthBytes) / 512) * 512;
            var misplacement = random.Next(3) == 0 ? random.Next(1, 4096) : 0;
            var whole = memory.Segment.Slice(misplacement, lengthBytes);
            var cut = random.Next(1, lengthBytes - 1);
            IoSegment[] segments = random.Next(2) == 0 ? [whole] : [whole.Slice(0, cut), whole.Slice(cut, lengthBytes - cut)];
            var vector = new IoVector(segments, lengthBytes);
            if (random.Next(2) == 0)
            {
                random.NextBytes(whole.Span);
                whole.Span.CopyTo(expected.AsSpan(offset));
                Assert.Equal(BlockStatus.Ok, await RunAsync(() => file.WriteAsync(offset, vector, 0, lengthBytes)));
            }
            else
            {
                whole.Span.Fill(0xEE);
                Assert.Equal(BlockStatus.Ok, await RunAsync(() => file.ReadAsync(offset, vector, 0, lengthBytes)));
                Assert.True(whole.Span.SequenceEqual(expected.AsSpan(offset, lengthBytes)), $"seed {seed} round {round}");
            }
        }

        Assert.Equal(BlockStatus.Ok, file.Flush());
        Assert.True((await File.ReadAllBytesAsync(folder["f"])).AsSpan().SequenceEqual(expected), $"seed {seed}");

        Task<BlockStatus> RunAsync(Func<ValueTask<BlockStatus>> request) =>
            isOnReactor ? reactor.InvokeAsync(() => request().AsTask()).Unwrap() : request().AsTask();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FileThatSomebodyCutShort_FailsInsteadOfReadingAsZeros(bool isOnReactor)
    {
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder["f"], Enumerable.Repeat((byte)0x5a, FileBytes).ToArray());
        using var file = SystemImageFile.Open(folder["f"], readOnly: false);
        using (var other = File.OpenWrite(folder["f"]))
        {
            other.SetLength(1 << 20);
        }

        using var reactor = new Reactor("files");
        using var memory = new NativeBuffer(8192);
        var vector = new IoVector(new[] { memory.Segment }, 8192);
        Assert.Equal(BlockStatus.Ok, await ReadAsync((1 << 20) - 8192));
        Assert.Equal(BlockStatus.IoError, await ReadAsync((1 << 20) - 4096));
        Assert.Equal(BlockStatus.IoError, await ReadAsync(2 << 20));
        Assert.Equal(BlockStatus.IoError, file.Read(2 << 20, new byte[512]));

        // Behind the end that the file had, zeros are right.
        Assert.Equal(BlockStatus.Ok, await ReadAsync(FileBytes));

        Task<BlockStatus> ReadAsync(long offset) => isOnReactor
            ? reactor.InvokeAsync(() => file.ReadAsync(offset, vector, 0, 8192).AsTask()).Unwrap()
            : file.ReadAsync(offset, vector, 0, 8192).AsTask();
    }
}
