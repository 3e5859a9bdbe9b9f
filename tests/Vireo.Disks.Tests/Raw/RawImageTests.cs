using Vireo.Testing;

namespace Vireo.Disks.Tests.Raw;

public sealed class RawImageTests
{
    [Fact]
    public async Task RawImage_ReadsWritesTrimsAndMaps()
    {
        using var folder = new TempFolder();
        ImageFile.CreateRaw(folder["a.img"], 8 << 20, reserve: false);
        await using var image = ImageFile.Open(folder["a.img"], new ImageOpenOptions());
        var ones = Enumerable.Repeat((byte)1, 2 << 20).ToArray();
        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(1 << 20, ones, WriteOptions.ForceUnitAccess));
        Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(1 << 20, 512, WriteOptions.None));
        Assert.Equal(BlockStatus.Ok, await image.TrimAsync(2 << 20, 1 << 20));
        var content = await image.ReadBytesAsync(0, 8 << 20);
        Assert.Equal(-1, content.AsSpan(0, (1 << 20) + 512).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, content.AsSpan((1 << 20) + 512, (1 << 20) - 512).IndexOfAnyExcept((byte)1));
        Assert.Equal(-1, content.AsSpan(2 << 20).IndexOfAnyExcept((byte)0));
        Assert.Contains(await image.MapAllAsync(), extent => extent.Kind == ExtentKind.Data);
        Assert.Contains(await image.MapAllAsync(), extent => (extent.Kind & ExtentKind.Zero) != 0);
        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
    }

    [Fact]
    public async Task OddLength_IsRoundedUpWithZeros()
    {
        using var folder = new TempFolder();
        await File.WriteAllBytesAsync(folder["a.iso"], Enumerable.Repeat((byte)5, 700).ToArray());
        await using var image = ImageFile.Open(folder["a.iso"], new ImageOpenOptions(ReadOnly: true));
        Assert.Equal(1024, image.Geometry.SizeBytes);
        var content = await image.ReadBytesAsync(0, 1024);
        Assert.Equal(5, content[699]);
        Assert.Equal(-1, content.AsSpan(700).IndexOfAnyExcept((byte)0));
        Assert.Equal(BlockStatus.ReadOnly, await image.WriteBytesAsync(0, new byte[512]));
        Assert.Equal(1024, (await image.MapAllAsync()).Sum(extent => extent.LengthBytes));
    }
}
