using System.Text.Json;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Images that are made here, looked at by other programs.</summary>
public sealed class VhdxForOthersTests
{
    [Theory]
    [Requirement("VD-1")]
    [Requirement("VD-5")]
    [InlineData(false, 0, 512, 4096)]
    [InlineData(false, 1, 512, 512)]
    [InlineData(false, 256, 512, 4096)]
    [InlineData(true, 2, 512, 512)]
    public async Task Image_IsAcceptedByQemuAndLibvhdi_WithTheSameContent(bool isFixed, int blockMegabytes, int logical, int physical)
    {
        using var folder = new TempFolder();
        const int size = 40 << 20;
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(size, isFixed, blockMegabytes << 20, logical, physical));
        var random = new Random(blockMegabytes);
        var model = new byte[size];
        await using (var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()))
        {
            for (var i = 0; i < 20; i++)
            {
                var content = new byte[random.Next(1, 300) * logical];
                random.NextBytes(content);
                var offset = random.Next((size - content.Length) / logical) * logical;
                content.CopyTo(model, offset);
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, content));
            }
        }

        await File.WriteAllBytesAsync(folder["raw"], model);
        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["a.vhdx"]);
        Peer.Run("qemu-img", "compare", "-f", "vhdx", "-F", "raw", folder["a.vhdx"], folder["raw"]);
        var info = Peer.Run("vhdiinfo", folder["a.vhdx"]);
        Assert.Contains(isFixed ? "Fixed" : "Dynamic", info, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"({size} bytes)", info, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task QemuWritesOn_AndItReadsHere()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(64 << 20, IsFixed: false, 1 << 20));
        Peer.Run("qemu-io", "-f", "vhdx", "-c", "write -P 0x77 5M 2M", "-c", "write -P 0x11 63M 1M", folder["a.vhdx"]);
        await using var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions());
        Assert.Equal(Enumerable.Repeat((byte)0x77, 2 << 20), await image.ReadBytesAsync(5 << 20, 2 << 20));
        Assert.Equal(Enumerable.Repeat((byte)0x11, 1 << 20), await image.ReadBytesAsync(63 << 20, 1 << 20));
        Assert.Equal(new byte[1 << 20], await image.ReadBytesAsync(4 << 20, 1 << 20));
    }

    [Theory]
    [Requirement("VD-1")]
    [InlineData(64L << 40, 32)]
    [InlineData(64L << 40, 1)]
    [InlineData(2L << 40, 1)]
    public async Task HugeDisk_TakesLittleSpace_AndItsLastByteIsWritable(long size, int blockMegabytes)
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(size, IsFixed: false, blockMegabytes << 20));
        await using (var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(size - 512, Enumerable.Repeat((byte)9, 512).ToArray()));
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(size / 2, Enumerable.Repeat((byte)8, 512).ToArray()));
        }

        Peer.Run("qemu-io", "-r", "-f", "vhdx", "-c", $"read -P 9 {size - 512} 512", "-c", $"read -P 8 {size / 2} 512", folder["a.vhdx"]);
        var info = JsonDocument.Parse(Peer.Run("qemu-img", "info", "--output=json", folder["a.vhdx"])).RootElement;
        Assert.Equal(size, info.GetProperty("virtual-size").GetInt64());
        Assert.InRange(info.GetProperty("actual-size").GetInt64(), 0, 4 << 20);
    }

    [Fact]
    [Requirement("VD-5")]
    public async Task NativeFourKilobyteSectors_SurviveReopening()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(12 << 20, IsFixed: false, 1 << 20, 4096, 4096));
        await using var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions());
        Assert.Equal(new BlockGeometry(12 << 20, 4096, 4096), image.Geometry);
        Assert.Contains("12582912", Peer.Run("vhdiinfo", folder["a.vhdx"]), StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task DifferencingChain_IsFoundAndReadByLibvhdi()
    {
        using var folder = new TempFolder();
        var random = new Random(7);
        ImageFile.Create(VhdxChain.Name(folder, 0), new VhdxCreate(32 << 20, IsFixed: false, 1 << 20));
        for (var depth = 0; depth < 3; depth++)
        {
            if (depth > 0)
            {
                await VhdxChain.AddAsync(folder, depth);
            }

            await using var image = VhdxChain.Open(folder, depth);
            for (var i = 0; i < 40; i++)
            {
                var content = Enumerable.Repeat((byte)random.Next(256), random.Next(1, 400) * 512).ToArray();
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(random.Next(((32 << 20) - content.Length) / 512) * 512L, content));
            }
        }

        Assert.Contains("Differential", Peer.Run("vhdiinfo", VhdxChain.Name(folder, 2)), StringComparison.Ordinal);
        var mount = Directory.CreateDirectory(folder["mount"]).FullName;
        Peer.Run("vhdimount", VhdxChain.Name(folder, 2), mount);
        try
        {
            for (var depth = 0; depth < 3; depth++)
            {
                await using var image = VhdxChain.Open(folder, depth, readOnly: true);
                Assert.Equal(await image.ReadBytesAsync(0, 32 << 20), await File.ReadAllBytesAsync(Path.Combine(mount, $"vhdi{depth + 1}")));
            }
        }
        finally
        {
            Peer.Run("umount", mount);
        }
    }
}
