using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Images that other programs made.</summary>
public sealed class VhdxByOthersTests
{
    [SharedDataFact]
    [Requirement("VD-1")]
    [Requirement("VD-3")]
    public async Task HyperVImages_ReadAsTheirMakerMeant_ReadOnlyAndWritable()
    {
        await CheckHyperVImageAsync("vhdx-log-replay.vhdx", "3ba3b309425b7ff5e8e0199edceed95226250f880c53b24e8eae93865f3fad5e");
        await CheckHyperVImageAsync("btrfs.vhdx", "0b959f9cb4e18348ad8b646f152178282542c8304f02fddf765e3fd1a1de6864");
    }

    private static async Task CheckHyperVImageAsync(string name, string content)
    {
        using var folder = new TempFolder();
        var path = SharedData.Unpack(folder, $"images/{name}");
        var before = await File.ReadAllBytesAsync(path);
        await using (var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true)))
        {
            Assert.Equal(content, await image.HashAsync());
            Assert.Equal(BlockStatus.ReadOnly, await image.WriteBytesAsync(0, new byte[512]));
        }

        Assert.Equal(before, await File.ReadAllBytesAsync(path));
        using (var file = SystemImageFile.Open(path, readOnly: true))
        {
            Assert.True(VhdxChecker.Check(file, CancellationToken.None).IsSound);
        }

        await using (var image = ImageFile.Open(path, new ImageOpenOptions()))
        {
            Assert.Equal(content, await image.HashAsync());
        }

        // The log is on disk now, so readers that do not replay see the truth too.
        Peer.Run("qemu-img", "check", "-f", "vhdx", path);
        Peer.Run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", path, folder["raw"]);
        await using var raw = ImageFile.Open(folder["raw"], new ImageOpenOptions(ReadOnly: true));
        Assert.Equal(content, await raw.HashAsync());
    }

    [Theory]
    [Requirement("VD-1")]
    [Requirement("VD-5")]
    [InlineData("dynamic", 1, "1M", "on")]
    [InlineData("dynamic", 32, "1M", "on")]
    [InlineData("dynamic", 2, "3M", "off")]
    [InlineData("dynamic", 256, "64M", "on")]
    [InlineData("dynamic", 16, "128M", "off")]
    [InlineData("fixed", 8, "2M", "on")]
    public async Task QemuImage_OpensAndIsWrittenOn(string kind, int blockMegabytes, string logSize, string stateZero)
    {
        using var folder = new TempFolder();
        var content = new byte[3 << 20];
        new Random(7).NextBytes(content);
        await File.WriteAllBytesAsync(folder["source"], content);
        using (var stream = File.OpenWrite(folder["source"]))
        {
            stream.SetLength(50 << 20);
        }

        Peer.Run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", $"subformat={kind},block_size={blockMegabytes}M,log_size={logSize},block_state_zero={stateZero}", folder["source"], folder["a.vhdx"]);
        await using (var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions()))
        {
            Assert.Equal(50 << 20, image.Geometry.SizeBytes);
            Assert.Equal(kind == "fixed" ? DiskKind.Fixed : DiskKind.Dynamic, image.Properties.Kind);
            Assert.Equal(content, await image.ReadBytesAsync(0, content.Length));
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(40 << 20, content));
            Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
        }

        Peer.Run("qemu-img", "check", "-f", "vhdx", folder["a.vhdx"]);
        await using (var stream = File.OpenWrite(folder["source"]))
        {
            stream.Position = 40 << 20;
            await stream.WriteAsync(content);
        }

        Peer.Run("qemu-img", "compare", "-f", "raw", "-F", "vhdx", folder["source"], folder["a.vhdx"]);
    }

    [Fact]
    [Requirement("VD-3")]
    public async Task QemuImageWithItsLogLeftOpen_IsReplayed()
    {
        using var folder = new TempFolder();
        Peer.Run("qemu-img", "create", "-f", "vhdx", "-o", "block_size=1M", folder["a.vhdx"], "64M");

        // The abort leaves the log id in the header.
        var result = Peer.TryRun("qemu-io", "-f", "vhdx", "-c", "write -P 0x5a 8M 64k", "-c", "flush", "-c", "abort", folder["a.vhdx"]);
        Assert.NotEqual(0, result.ExitCode);
        foreach (var readOnly in new[] { true, false })
        {
            await using var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions(readOnly));
            Assert.Equal(Enumerable.Repeat((byte)0x5a, 65536), await image.ReadBytesAsync(8 << 20, 65536));
        }
    }
}
