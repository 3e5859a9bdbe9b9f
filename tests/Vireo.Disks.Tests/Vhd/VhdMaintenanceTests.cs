using Vireo.Disks.Vhd;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhd;

/// <summary>Changes of a VHD as a whole.</summary>
public sealed class VhdMaintenanceTests(ITestOutputHelper output)
{
    [Theory]
    [Requirement("VD-8")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Size_grows_and_shrinks_and_others_agree(bool isFixed)
    {
        using var folder = new TempFolder();
        const int megabyte = 1 << 20;
        ImageFile.Create(folder["a.vhd"], new VhdCreate(10 * megabyte, isFixed, isFixed ? 0 : 512 << 10));
        var content = new byte[megabyte];
        Random.Shared.NextBytes(content);
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(5 * megabyte, content));
            Assert.Equal(6 * megabyte, image.Maintenance!.MinimumSizeBytes);
            await image.Maintenance.ResizeAsync(400 * megabyte, null, CancellationToken.None);
            Assert.Equal(400 * megabyte, image.Geometry.SizeBytes);
            Assert.Equal(content, await image.ReadBytesAsync(5 * megabyte, megabyte));
            Assert.Equal(new byte[4 * megabyte], await image.ReadBytesAsync(8 * megabyte, 4 * megabyte));
            var refused = await Assert.ThrowsAsync<ImageException>(() => image.Maintenance.ResizeAsync(5 * megabyte, null, CancellationToken.None));
            Assert.Equal(ImageErrorKind.InvalidParameter, refused.Kind);
        }

        await CompareAsync(folder, 400 * megabyte, (5 * megabyte, content));
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            await image.Maintenance!.ResizeAsync(6 * megabyte, null, CancellationToken.None);
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(megabyte, content));
        }

        await CompareAsync(folder, 6 * megabyte, (5 * megabyte, content), (megabyte, content));
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task Compacting_drops_zeros_moves_blocks_and_keeps_the_content()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var folder = new TempFolder();
        const int size = 64 << 20;
        ImageFile.Create(folder["a.vhd"], new VhdCreate(size, IsFixed: false, 512 << 10));
        var model = new byte[size];
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            var blocks = Enumerable.Range(0, 128).ToArray();
            random.Shuffle(blocks);
            foreach (var block in blocks)
            {
                var content = new byte[64 << 10];
                random.NextBytes(content);
                content.CopyTo(model, block << 19);
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync((long)block << 19, content));
            }

            foreach (var block in blocks.Take(90))
            {
                model.AsSpan(block << 19, 512 << 10).Clear();
                Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync((long)block << 19, new byte[64 << 10]));
            }

            Assert.True(image.Properties.FragmentationPercent > 50);
        }

        var before = new FileInfo(folder["a.vhd"]).Length;
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            // A larger table lies behind the blocks; compacting takes it along.
            await image.Maintenance!.ResizeAsync(size * 16L, null, CancellationToken.None);
            await image.Maintenance.CompactAsync(CompactMode.Full, null, CancellationToken.None);
            Assert.Equal(model, await image.ReadBytesAsync(0, size));
            Assert.Equal(0, image.Properties.AlignmentBytes);
        }

        var after = new FileInfo(folder["a.vhd"]).Length;
        Assert.InRange(after, 38 * (512 << 10), 38 * ((512 << 10) + 4096) + (64 << 10));
        Assert.True(after < before);
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions(ReadOnly: true)))
        {
            Assert.Equal(model, await image.ReadBytesAsync(0, size));
        }

        await File.WriteAllBytesAsync(folder["raw"], model);
        using (var raw = File.OpenWrite(folder["raw"]))
        {
            raw.SetLength(size * 16L);
        }

        Peer.Run("qemu-img", "compare", "-f", "vpc", "-F", "raw", folder["a.vhd"], folder["raw"]);
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task A_parent_reference_is_replaced_and_survives()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["parent.vhd"], new VhdCreate(8 << 20, IsFixed: false));
        Differencing.CreateVhd(folder["a.vhd"], folder["parent.vhd"], 8 << 20, 0);
        var content = new byte[4096];
        Random.Shared.NextBytes(content);
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(3 << 20, content));
        }

        Directory.CreateDirectory(folder["moved"]);
        File.Move(folder["parent.vhd"], folder["moved/base.vhd"]);
        Assert.Equal(ImageErrorKind.ParentMissing, Assert.Throws<ImageException>(() => ImageFile.Open(folder["a.vhd"], new ImageOpenOptions())).Kind);
        await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions(Alone: true)))
        {
            image.Maintenance!.SetParentReference(image.ParentReference! with { Paths = ParentPath.Of(folder["a.vhd"], folder["moved/base.vhd"]) });
        }

        await using var again = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions());
        Assert.Equal(folder["moved/base.vhd"], again.Parent!.Path);
        Assert.Equal(content, await again.ReadBytesAsync(3 << 20, 4096));
        Assert.Contains("moved\\base.vhd", again.ParentReference!.Paths[0], StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task A_damaged_footer_is_read_from_its_copy_and_repaired_only_when_written()
    {
        using var folder = new TempFolder();
        ImageFile.Create(folder["a.vhd"], new VhdCreate(8 << 20, IsFixed: false));
        var whole = await File.ReadAllBytesAsync(folder["a.vhd"]);
        foreach (var at in new[] { whole.Length - 512 + 40, 40 })
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 0x10;
            await File.WriteAllBytesAsync(folder["a.vhd"], damaged);
            await using (var image = ImageFile.Open(folder["a.vhd"], new ImageOpenOptions(ReadOnly: true)))
            {
                Assert.Equal(8 << 20, image.Geometry.SizeBytes);
            }

            Assert.Equal(damaged, await File.ReadAllBytesAsync(folder["a.vhd"]));
            await using (ImageFile.Open(folder["a.vhd"], new ImageOpenOptions()))
            {
                Assert.Equal(whole, await File.ReadAllBytesAsync(folder["a.vhd"]));
            }
        }
    }

    private static async Task CompareAsync(TempFolder folder, long size, params (long Offset, byte[] Content)[] parts)
    {
        await using (var raw = File.Create(folder["raw"]))
        {
            raw.SetLength(size);
            foreach (var (offset, content) in parts)
            {
                raw.Position = offset;
                await raw.WriteAsync(content);
            }
        }

        Peer.Run("qemu-img", "compare", "-f", "vpc", "-F", "raw", folder["a.vhd"], folder["raw"]);
    }
}
