using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Measures memory, so nothing else may run in the process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MeasuredAlone
{
    public const string Name = "measured alone";
}

/// <summary>Disks as large as the format allows.</summary>
[Collection(MeasuredAlone.Name)]
public sealed class VhdxLargeTests(ITestOutputHelper output) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [Requirement("VD-1")]
    [Requirement("VD-5")]
    [InlineData(1, false)]
    [InlineData(32, false)]
    [InlineData(1, true)]
    public async Task SixtyFourTerabytes_OpenInLittleMemory_AlsoWithAFullTable(int blockMegabytes, bool isFull)
    {
        const long size = 64L << 40;
        var path = _folder["a.vhdx"];
        ImageFile.Create(path, new VhdxCreate(size, IsFixed: false, blockMegabytes << 20));
        if (isFull)
        {
            FillTable(path, new VhdxLayout(size, blockMegabytes << 20, 512));
        }

        var before = GC.GetTotalMemory(forceFullCollection: true);
        var allocatedBefore = GC.GetTotalAllocatedBytes(precise: true);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await using var image = VhdxImage.Open(SystemImageFile.Open(path, readOnly: true), Guid.NewGuid);
        watch.Stop();
        output.WriteLine($"opened in {watch.ElapsedMilliseconds} ms, {(GC.GetTotalAllocatedBytes(precise: true) - allocatedBefore) >> 10} KB allocated");
        var held = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"{held >> 10} KB held");
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - allocatedBefore, 0, 64 << 20);
        Assert.InRange(held, long.MinValue, 1 << 20);

        // All over the disk, far more pages of the table than are kept.
        var random = new Random(1);
        for (var i = 0; i < 5000; i++)
        {
            Assert.All(await image.ReadBytesAsync(random.NextInt64(size / 512) * 512, 512), static value => Assert.Equal(0, value));
        }

        held = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"{held >> 10} KB held after reading");
        Assert.InRange(held, long.MinValue, 1 << 20);
    }

    // A table of 512 MB without a hole: every block is trimmed, and thus in a file that has none of them.
    private static void FillTable(string path, VhdxLayout layout)
    {
        using var file = SystemImageFile.Open(path, readOnly: false);
        var piece = new byte[1 << 20];
        for (var i = 0; i < piece.Length; i += VhdxBatEntry.LengthBytes)
        {
            piece[i] = (byte)VhdxBlockState.Unmapped;
        }

        for (var position = 0L; position < layout.TableBytes; position += piece.Length)
        {
            Assert.Equal(BlockStatus.Ok, file.Write((3 << 20) + position, piece.AsSpan(0, (int)Math.Min(piece.Length, layout.TableBytes - position))));
        }
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task TableThatIsTooLongToLookThrough_IsWrittenOn()
    {
        const long size = 8L << 40;
        var path = _folder["a.vhdx"];
        ImageFile.Create(path, new VhdxCreate(size, IsFixed: false, 1 << 20));
        FillTable(path, new VhdxLayout(size, 1 << 20, 512));
        await using (var image = ImageFile.Open(path, new ImageOpenOptions()))
        {
            Assert.Null(image.Properties.FragmentationPercent);
            foreach (var offset in new[] { 0, size / 2, size - 4096 })
            {
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, Enumerable.Repeat((byte)9, 4096).ToArray()));
            }

            Assert.Equal(BlockStatus.Ok, await image.TrimAsync(1L << 40, 1L << 34));
        }

        await using var again = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true));
        foreach (var offset in new[] { 0, size / 2, size - 4096 })
        {
            Assert.Equal(Enumerable.Repeat((byte)9, 4096), await again.ReadBytesAsync(offset, 4096));
        }

        using var file = SystemImageFile.Open(path, readOnly: true);
        Assert.True(VhdxChecker.Check(file, CancellationToken.None).IsSound);
    }
}
