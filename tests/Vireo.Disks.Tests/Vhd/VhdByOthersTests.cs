using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhd;

/// <summary>Images that other programs made.</summary>
public sealed class VhdByOthersTests
{
    [Theory]
    [Requirement("VD-2")]
    [InlineData("dynamic", "off", 50L << 20)]
    [InlineData("dynamic", "on", (50L << 20) + 1536)]
    [InlineData("fixed", "off", 50L << 20)]
    [InlineData("fixed", "on", (50L << 20) + 512)]
    public async Task Qemu_image_reads_bit_for_bit_and_is_written_on(string kind, string forceSize, long size)
    {
        using var folder = new TempFolder();
        var content = new byte[3 << 20];
        new Random(7).NextBytes(content);
        await File.WriteAllBytesAsync(folder["source"], content);
        using (var stream = File.OpenWrite(folder["source"]))
        {
            stream.SetLength(size);
        }

        Peer.Run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", $"subformat={kind},force_size={forceSize}", folder["source"], folder["a.vhd"]);
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            Assert.Equal(kind == "fixed" ? DiskKind.Fixed : DiskKind.Dynamic, image.Properties.Kind);
            Assert.InRange(image.Geometry.SizeBytes, size, size + (1 << 20));
            Assert.Equal(content, await image.ReadBytesAsync(0, content.Length));
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(40 << 20, content));
            Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
        }

        await using (var stream = File.OpenWrite(folder["source"]))
        {
            stream.Position = 40 << 20;
            await stream.WriteAsync(content);
        }

        Peer.Run("qemu-img", "compare", "-f", "raw", "-F", "vpc", folder["source"], folder["a.vhd"]);
    }

    [Theory]
    [Requirement("VD-2")]
    [InlineData(3L << 20)]
    [InlineData(127L << 30)]
    [InlineData((127L << 30) + (1L << 30))]
    [InlineData(2040L << 30)]
    public async Task Qemu_image_of_any_size_has_the_size_that_qemu_sees(long size)
    {
        foreach (var force in new[] { "on", "off" })
        {
            using var folder = new TempFolder();
            Peer.Run("qemu-img", "create", "-f", "vpc", "-o", $"subformat=dynamic,force_size={force}", folder["a.vhd"], $"{size}");
            var seen = System.Text.Json.JsonDocument.Parse(Peer.Run("qemu-img", "info", "--output=json", folder["a.vhd"])).RootElement.GetProperty("virtual-size").GetInt64();
            await using var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions(ReadOnly: true));
            Assert.Equal(seen, image.Geometry.SizeBytes);
        }
    }

    [SharedDataFact]
    [Requirement("VD-2")]
    public async Task Qemu_image_with_ext2_reads_as_its_maker_meant()
    {
        using var folder = new TempFolder();
        var path = SharedData.Unpack(folder, "images/ext2.vhd");
        await using var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true));
        Assert.Equal("870be7ae16c1fa8faab05c6eb9205dc9a7ae35c5f552c5cf8a267c0bc6a5cb99", await image.HashAsync());
    }

    [SharedDataFact]
    [Requirement("VD-10")]
    public async Task A_bad_checksum_is_named_and_the_data_read_only_when_asked_for()
    {
        using var folder = new TempFolder();
        var path = SharedData.Unpack(folder, "images/bad-header-checksum.vhd");
        var before = await File.ReadAllBytesAsync(path);
        foreach (var readOnly in new[] { true, false })
        {
            var refused = Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions(readOnly)));
            Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
            Assert.Contains("checksum of the footer", refused.Message, StringComparison.Ordinal);
        }

        await using (var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true, AcceptBadChecksums: true)))
        {
            Assert.Equal("c6db12a7db548e193c29420c1b4533e4708b20c5033db5cc29ef075d48316d25", await image.HashAsync());
        }

        Assert.Equal(before, await File.ReadAllBytesAsync(path));
    }

    [SharedDataFact]
    [Requirement("VD-10")]
    public async Task A_child_made_by_Windows_without_its_parent_is_refused_by_name()
    {
        using var folder = new TempFolder();
        var path = SharedData.Unpack(folder, "images/fat-differential.vhd");
        var refused = Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true)));
        Assert.Equal(ImageErrorKind.ParentMissing, refused.Kind);
        Assert.Contains("fat-parent.vhd", refused.Message, StringComparison.Ordinal);
        await using var alone = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true, Alone: true));
        Assert.Equal(DiskKind.Differencing, alone.Properties.Kind);
        Assert.True(alone.ParentReference!.Paths.Count >= 2, string.Join('|', alone.ParentReference.Paths));
        Assert.Contains(alone.ParentReference.Paths, static name => !ParentPath.IsAbsolute(name));
    }
}
