using System.Buffers.Binary;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhdx;

public sealed class VhdxBehaviourTests
{
    [Fact]
    [Requirement("VD-7")]
    public async Task Trim_ShrinksWhatTheFileHolds_AndOldBytesNeverShowAgain()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(16 << 20, IsFixed: false, 1 << 20));
        await using var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions());
        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(0, Enumerable.Repeat((byte)1, 16 << 20).ToArray()));
        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
        var before = HeldBytes(folder["a.vhdx"]);
        Assert.Equal(BlockStatus.Ok, await image.TrimAsync(1 << 20, 12 << 20));
        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
        Assert.InRange(HeldBytes(folder["a.vhdx"]), 0, before - (11 << 20));

        // A small write into a trimmed block: the rest of the block is zeros, not what was there.
        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(3 << 20, Enumerable.Repeat((byte)2, 512).ToArray()));
        var block = await image.ReadBytesAsync(3 << 20, 1 << 20);
        Assert.Equal(-1, block.AsSpan(512).IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [Requirement("VD-3")]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(700)]
    public async Task KilledProcess_LosesNothingThatCompleted_EvenWithoutAFlush(int blocks)
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(1L << 30, IsFixed: false, 1 << 20));
        var file = Vireo.Disks.Files.SystemImageFile.Open(folder["a.vhdx"], readOnly: false);
        var image = ImageFile.Open(file);
        for (var i = 0; i < blocks; i++)
        {
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(((long)i << 20) + 4096, Enumerable.Repeat((byte)(i + 1), 512).ToArray()));
        }

        // What a kill does: the descriptor closes, and nothing else happens.
        file.Dispose();
        var isReadOnly = blocks % 2 == 0;
        await using var again = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions(isReadOnly));
        for (var i = 0; i < blocks; i++)
        {
            Assert.Equal((byte)(i + 1), (await again.ReadBytesAsync(((long)i << 20) + 4096, 512))[0]);
        }
    }

    [Fact]
    [Requirement("VD-3")]
    public async Task WriterChangesTheIdsOnce_AndReadersNever()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(4 << 20, IsFixed: false));
        var made = CurrentHeader(folder["a.vhdx"]);
        await using (var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()))
        {
            await image.ReadBytesAsync(0, 512);
            await image.FlushAsync();
        }

        Assert.Equal(made, CurrentHeader(folder["a.vhdx"]));
        await using (var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()))
        {
            await image.WriteBytesAsync(0, new byte[512]);
            await image.FlushAsync();
            var open = CurrentHeader(folder["a.vhdx"]);
            Assert.NotEqual(made.FileWriteId, open.FileWriteId);
            Assert.NotEqual(made.DataWriteId, open.DataWriteId);
            Assert.NotEqual(Guid.Empty, open.LogId);
        }

        Assert.Equal(Guid.Empty, CurrentHeader(folder["a.vhdx"]).LogId);
    }

    [Fact]
    public async Task ImageThatIsOpen_IsRefusedToOthers_OursAndQemus()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(4 << 20, IsFixed: false));
        var path = folder["a.vhdx"];
        using (var writer = Vireo.Disks.Files.SystemImageFile.Open(path, readOnly: false))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions())).Kind);
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true))).Kind);
            Assert.NotEqual(0, Peer.TryRun("qemu-io", "-f", "vhdx", "-c", "read 0 512", path).ExitCode);
            Assert.True((await ImageFile.InspectAsync(path)).IsInUse);
        }

        using (var reader = Vireo.Disks.Files.SystemImageFile.Open(path, readOnly: true))
        using (var second = Vireo.Disks.Files.SystemImageFile.Open(path, readOnly: true))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions())).Kind);
            Peer.Run("qemu-io", "-r", "-f", "vhdx", "-c", "read 0 512", path);
            Assert.NotEqual(0, Peer.TryRun("qemu-io", "-f", "vhdx", "-c", "write 0 512", path).ExitCode);
        }

        Assert.False((await ImageFile.InspectAsync(path)).IsInUse);
    }

    [Fact]
    public async Task SecondHeaderAndSecondRegionTable_StandInForTheFirst()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(4 << 20, IsFixed: false));
        await using (var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()))
        {
            await image.WriteBytesAsync(0, Enumerable.Repeat((byte)3, 512).ToArray());
        }

        foreach (var damaged in new[] { VhdxLimits.FirstHeaderOffset, VhdxLimits.FirstRegionTableOffset })
        {
            var bytes = await File.ReadAllBytesAsync(folder["a.vhdx"]);
            bytes[damaged + 20] ^= 0xff;
            await File.WriteAllBytesAsync(folder["b.vhdx"], bytes);
            await using var image = ImageFile.Open(folder["b.vhdx"], new ImageOpenOptions(ReadOnly: true));
            Assert.Equal(4 << 20, image.Geometry.SizeBytes);
        }
    }

    [Theory]
    [Requirement("VD-10")]
    [InlineData(2L << 20, 0, 0, 0)]
    [InlineData((64L << 40) + 512, 0, 0, 0)]
    [InlineData((4L << 20) + 1, 0, 0, 0)]
    [InlineData(4L << 20, 3 << 20, 0, 0)]
    [InlineData(4L << 20, 1 << 29, 0, 0)]
    [InlineData(4L << 20, 0, 1024, 0)]
    [InlineData(4L << 20, 0, 0, 8192)]
    public void ParameterOutOfRange_IsRefusedAndLeavesNothing(long size, int block, int logical, int physical)
    {
        using var folder = new TempFolder();
        var exception = Assert.Throws<ImageException>(
            () => ImageFile.Create(folder["a.vhdx"], new VhdxCreate(size, IsFixed: false, block, logical, physical)));
        Assert.Equal(ImageErrorKind.InvalidParameter, exception.Kind);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void ExistingFileAndMissingFolder_AreNamed()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.vhdx"], "precious");
        Assert.Equal(ImageErrorKind.AlreadyExists, Assert.Throws<ImageException>(() => ImageFile.Create(folder["a.vhdx"], new VhdxCreate(4 << 20, false))).Kind);
        Assert.Equal("precious", File.ReadAllText(folder["a.vhdx"]));
        Assert.Equal(ImageErrorKind.NotFound, Assert.Throws<ImageException>(() => ImageFile.Create(folder["no/a.vhdx"], new VhdxCreate(4 << 20, false))).Kind);
        Assert.Equal(ImageErrorKind.NotFound, Assert.Throws<ImageException>(() => ImageFile.Open(folder["none"], new ImageOpenOptions())).Kind);
        Assert.Equal(ImageErrorKind.InvalidParameter, Assert.Throws<ImageException>(() => ImageFile.Open(folder.Path, new ImageOpenOptions(ReadOnly: true))).Kind);
    }

    [Fact]
    [Requirement("VD-10")]
    public void DifferencingDiskWithoutAParentLocator_IsRefusedWithTheReason()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(4 << 20, IsFixed: false));
        var bytes = File.ReadAllBytes(folder["a.vhdx"]);
        var parameters = (2 << 20) + VhdxMetadataTable.LengthBytes;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(parameters + 4), VhdxMetadata.HasParentFlag);
        File.WriteAllBytes(folder["a.vhdx"], bytes);
        var exception = Assert.Throws<ImageException>(() => ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()));
        Assert.Equal(ImageErrorKind.Corrupt, exception.Kind);
        Assert.Contains("no parent locator", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AllocatedBlocksAreCountedAsFragments()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(16 << 20, IsFixed: false, 1 << 20));
        await using var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions());
        await image.WriteBytesAsync(0, new byte[3 << 20]);
        Assert.Equal(0, image.Properties.FragmentationPercent);
        await image.WriteBytesAsync(8 << 20, new byte[512]);
        await image.WriteBytesAsync(7 << 20, new byte[512]);
        Assert.Equal(50, image.Properties.FragmentationPercent);
    }

    private static VhdxHeader CurrentHeader(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var headers = new List<VhdxHeader>();
        foreach (var offset in new[] { VhdxLimits.FirstHeaderOffset, VhdxLimits.SecondHeaderOffset })
        {
            var bytes = new byte[VhdxHeader.LengthBytes];
            stream.Position = offset;
            stream.ReadExactly(bytes);
            headers.Add(VhdxHeader.TryRead(bytes)!);
        }

        return headers.MaxBy(header => header.SequenceNumber)!;
    }

    private static long HeldBytes(string path) => long.Parse(Peer.Run("stat", "-c", "%b", path)) * 512;
}
