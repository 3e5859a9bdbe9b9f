using Vireo.Disks.Vhdx;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Random requests against an image and an array; they must always agree.</summary>
public sealed class VhdxModelTests(ITestOutputHelper output)
{
    private const int Size = 21 << 20;

    [Theory]
    [Requirement("VD-1")]
    [Requirement("VD-7")]
    [InlineData(false, 512)]
    [InlineData(true, 512)]
    [InlineData(false, 4096)]
    public async Task RandomRequests_AgreeWithAnArray_AlsoAfterReopening(bool isFixed, int sector)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhdx"], new VhdxCreate(Size, isFixed, 1 << 20, sector));
        var model = new byte[Size];
        var image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions());
        for (var step = 0; step < 600; step++)
        {
            var length = random.Next(4) == 0 ? random.Next(1, (3 << 20) / sector) * sector : random.Next(1, 65536 / sector) * sector;
            var offset = random.Next((Size - length) / sector + 1) * sector;
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
                case 4 when !isFixed:
                    // Trimmed content is zeros here, which is one of the two answers allowed.
                    model.AsSpan(offset, length).Clear();
                    Assert.Equal(BlockStatus.Ok, await image.TrimAsync(offset, length));
                    break;
                case 5:
                    Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
                    break;
                case 6 when random.Next(10) == 0:
                    await image.DisposeAsync();
                    image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions());
                    break;
                default:
                    var found = await image.ReadBytesAsync(offset, length);
                    Assert.True(model.AsSpan(offset, length).SequenceEqual(found), $"seed {seed} step {step}");
                    break;
            }
        }

        await CheckMapAsync(image, model);
        await image.DisposeAsync();
        await using (image = ImageFile.Open(folder["a.vhdx"], new ImageOpenOptions(ReadOnly: true)))
        {
            Assert.Equal(model, await image.ReadBytesAsync(0, Size));
        }

        // QEMU does not open VHDX files with sectors of 4096 bytes.
        if (sector == 512)
        {
            Peer.Run("qemu-img", "check", "-f", "vhdx", folder["a.vhdx"]);
            await File.WriteAllBytesAsync(folder["raw"], model);
            Peer.Run("qemu-img", "compare", "-f", "vhdx", "-F", "raw", folder["a.vhdx"], folder["raw"]);
        }
    }

    private static async Task CheckMapAsync(IDiskImage image, byte[] model)
    {
        var next = 0L;
        foreach (var extent in await image.MapAllAsync())
        {
            Assert.Equal(next, extent.OffsetBytes);
            next += extent.LengthBytes;
            if ((extent.Kind & ExtentKind.Zero) != 0)
            {
                Assert.Equal(-1, model.AsSpan((int)extent.OffsetBytes, (int)extent.LengthBytes).IndexOfAnyExcept((byte)0));
            }
        }

        Assert.Equal(Size, next);
    }
}
