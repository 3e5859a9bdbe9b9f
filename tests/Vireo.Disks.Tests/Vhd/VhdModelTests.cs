using Vireo.Disks.Vhd;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhd;

/// <summary>Random requests against an image and an array; they must always agree.</summary>
public sealed class VhdModelTests(ITestOutputHelper output)
{
    private const int Size = (21 << 20) + 512;

    [Theory]
    [Requirement("VD-2")]
    [InlineData("fixed", 0)]
    [InlineData("dynamic", 512 << 10)]
    [InlineData("dynamic", 2 << 20)]
    [InlineData("differencing", 512 << 10)]
    [InlineData("differencing", 2 << 20)]
    public async Task Random_requests_agree_with_an_array_also_after_reopening(string kind, int blockBytes)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var folder = new TempFolder();
        var model = new byte[Size];
        if (kind == "differencing")
        {
            // A parent that is smaller, of other blocks, and has holes of its own.
            ImageFile.Create(folder["parent.vhd"], new VhdCreate(Size - (3 << 20), IsFixed: false, 1 << 20));
            await using (var parent = ImageFile.Open(folder["parent.vhd"], new ImageOpenOptions()))
            {
                for (var i = 0; i < 12; i++)
                {
                    var content = new byte[random.Next(1, 2000) * 512];
                    random.NextBytes(content);
                    var offset = random.Next((int)(parent.Geometry.SizeBytes - content.Length) / 512) * 512;
                    content.CopyTo(model, offset);
                    Assert.Equal(BlockStatus.Ok, await parent.WriteBytesAsync(offset, content));
                }
            }

            Differencing.CreateVhd(folder["a.vhd"], folder["parent.vhd"], Size, blockBytes);
        }
        else
        {
            ImageFile.Create(folder["a.vhd"], new VhdCreate(Size, kind == "fixed", blockBytes));
        }

        var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions());
        for (var step = 0; step < 500; step++)
        {
            var length = random.Next(4) == 0 ? random.Next(1, 6000) * 512 : random.Next(1, 128) * 512;
            var offset = random.Next(((Size - length) / 512) + 1) * 512;
            switch (random.Next(9))
            {
                case 0 or 1 or 2:
                    var content = new byte[length];
                    random.NextBytes(content);
                    content.CopyTo(model, offset);
                    Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, content, random.Next(20) == 0 ? WriteOptions.ForceUnitAccess : WriteOptions.None));
                    break;
                case 3:
                    model.AsSpan(offset, length).Clear();
                    Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(offset, length, (WriteOptions)random.Next(4)));
                    break;
                case 4 when kind == "dynamic":
                    // Trimmed content is zeros here, which is one of the two answers allowed.
                    model.AsSpan(offset, length).Clear();
                    Assert.Equal(BlockStatus.Ok, await image.TrimAsync(offset, length));
                    break;
                case 5:
                    Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
                    break;
                case 6 when random.Next(10) == 0:
                    await image.DisposeAsync();
                    image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions());
                    break;
                default:
                    var found = await image.ReadBytesAsync(offset, length);
                    Assert.True(model.AsSpan(offset, length).SequenceEqual(found), $"seed {seed} step {step}");
                    break;
            }
        }

        await CheckMapAsync(image, model, seed);
        await image.DisposeAsync();
        await using (image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions(ReadOnly: true)))
        {
            Assert.Equal(model, await image.ReadBytesAsync(0, Size));
        }

        // qemu-img does not follow a chain of VHD files.
        if (kind != "differencing")
        {
            await File.WriteAllBytesAsync(folder["raw"], model);
            Peer.Run("qemu-img", "compare", "-f", "vpc", "-F", "raw", folder["a.vhd"], folder["raw"]);
        }
    }

    [Fact]
    [Requirement("VD-2")]
    public async Task Concurrent_writers_of_one_block_lose_nothing()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["parent.vhd"], new VhdCreate(Size, IsFixed: false));
        Differencing.CreateVhd(folder["a.vhd"], folder["parent.vhd"], Size, 2 << 20);
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
            {
                for (var i = writer; i < 2048; i += 8)
                {
                    var content = new byte[1024];
                    BitConverter.TryWriteBytes(content, i + 1);
                    BitConverter.TryWriteBytes(content.AsSpan(512), i + 1);
                    Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(i * 1024L, content));
                }
            })));
        }

        await using var again = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions(ReadOnly: true));
        var found = await again.ReadBytesAsync(0, 2 << 20);
        for (var i = 0; i < 4096; i++)
        {
            Assert.Equal((i / 2) + 1, BitConverter.ToInt32(found, i * 512));
        }
    }

    private static async Task CheckMapAsync(IDiskImage image, byte[] model, int seed)
    {
        var next = 0L;
        foreach (var extent in await image.MapAllAsync())
        {
            Assert.Equal(next, extent.OffsetBytes);
            next += extent.LengthBytes;
            if ((extent.Kind & ExtentKind.Zero) != 0)
            {
                Assert.True(model.AsSpan((int)extent.OffsetBytes, (int)extent.LengthBytes).IndexOfAnyExcept((byte)0) < 0, $"seed {seed}: data at {extent}");
            }
        }

        Assert.Equal(Size, next);
    }
}
