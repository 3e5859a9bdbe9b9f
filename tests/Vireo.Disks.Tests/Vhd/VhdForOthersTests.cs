using System.Text.Json;
using Vireo.Disks.Vhd;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhd;

/// <summary>Images that are made here, looked at by other programs.</summary>
public sealed class VhdForOthersTests(ITestOutputHelper output)
{
    [Theory]
    [Requirement("VD-2")]
    [InlineData(false, 0, 40L << 20)]
    [InlineData(false, 512 << 10, (40L << 20) + 512)]
    [InlineData(false, 16 << 20, 40L << 20)]
    [InlineData(true, 0, (40L << 20) + (512 * 7))]
    public async Task Image_is_read_by_qemu_and_libvhdi_with_the_same_content(bool isFixed, int blockBytes, long size)
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhd"], new VhdCreate(size, isFixed, blockBytes));
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var model = new byte[size];
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            for (var i = 0; i < 20; i++)
            {
                var content = new byte[random.Next(1, 300) * 512];
                random.NextBytes(content);
                var offset = random.NextInt64((size - content.Length) / 512) * 512;
                content.CopyTo(model, offset);
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, content));
            }
        }

        await File.WriteAllBytesAsync(folder["raw"], model);
        Peer.Run("qemu-img", "compare", "-f", "vpc", "-F", "raw", folder["a.vhd"], folder["raw"]);
        var info = Peer.Run("vhdiinfo", folder["a.vhd"]);
        Assert.Contains(isFixed ? "Fixed" : "Dynamic", info, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"({size} bytes)", info, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VD-2")]
    public async Task Payload_of_new_blocks_is_aligned_to_4_KB()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhd"], new VhdCreate(64 << 20, IsFixed: false));
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            for (var block = 20; block >= 0; block -= 4)
            {
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(block << 21, Pattern(4096, (byte)(block + 1))));
            }

            Assert.Equal(0, image.Properties.AlignmentBytes);
        }

        // By the bytes: every entry of the table plus the bitmap's sector is a multiple of 4 KB, and the marks are there.
        var file = await File.ReadAllBytesAsync(folder["a.vhd"]);
        for (var block = 0; block <= 20; block += 4)
        {
            var payload = (System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(1536 + (block * 4))) + 1) * 512L;
            Assert.Equal(0, payload % 4096);
            Assert.Equal(block + 1, file[payload]);
        }
    }

    [Fact]
    [Requirement("VD-2")]
    public async Task Qemu_writes_on_and_it_reads_here()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhd"], new VhdCreate(64 << 20, IsFixed: false));
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(9 << 20, Pattern(1 << 20, 0x33)));
        }

        Peer.Run("qemu-io", "-f", "vpc", "-c", "write -P 0x77 5M 2M", "-c", "write -P 0x11 63M 1M", folder["a.vhd"]);
        await using var again = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions());
        Assert.Equal(Pattern(2 << 20, 0x77), await again.ReadBytesAsync(5 << 20, 2 << 20));
        Assert.Equal(Pattern(1 << 20, 0x11), await again.ReadBytesAsync(63 << 20, 1 << 20));
        Assert.Equal(Pattern(1 << 20, 0x33), await again.ReadBytesAsync(9 << 20, 1 << 20));
        Assert.Equal(new byte[1 << 20], await again.ReadBytesAsync(4 << 20, 1 << 20));
    }

    [Fact]
    [Requirement("VD-2")]
    public async Task Largest_disk_takes_little_space_and_its_last_sector_is_writable()
    {
        using var folder = new TempFolder();
        const long size = 2040L << 30;
        ImageFile.Create(folder["a.vhd"], new VhdCreate(size, IsFixed: false));
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(size - 512, Pattern(512, 9)));
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(size / 2, Pattern(512, 8)));
        }

        Peer.Run("qemu-io", "-r", "-f", "vpc", "-c", $"read -P 9 {size - 512} 512", "-c", $"read -P 8 {size / 2} 512", folder["a.vhd"]);
        var info = JsonDocument.Parse(Peer.Run("qemu-img", "info", "--output=json", folder["a.vhd"])).RootElement;
        Assert.Equal(size, info.GetProperty("virtual-size").GetInt64());
        Assert.InRange(info.GetProperty("actual-size").GetInt64(), 0, 16 << 20);
        var refused = Assert.Throws<ImageException>(() => ImageFile.Create(folder["b.vhd"], new VhdCreate(size + 512, IsFixed: false)));
        Assert.Equal(ImageErrorKind.InvalidParameter, refused.Kind);
        Assert.False(File.Exists(folder["b.vhd"]));
    }

    private static byte[] Pattern(int length, byte value)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }
}
