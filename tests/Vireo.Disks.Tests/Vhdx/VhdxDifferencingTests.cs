using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Images that hold what differs from a parent.</summary>
public sealed class VhdxDifferencingTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 13 << 20;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [Requirement("VD-1")]
    [Requirement("VD-7")]
    [InlineData(512, 1, 1, 1)]
    [InlineData(512, 4, 1, 2)]
    [InlineData(4096, 1, 8, 2)]
    public async Task RandomRequests_AgreeWithAnArray_ThroughAChainOfThree(int sector, int first, int second, int third)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(Size, IsFixed: false, first << 20, sector));
        var model = new byte[Size];
        var models = new List<byte[]>();
        for (var depth = 0; depth < 4; depth++)
        {
            if (depth > 0)
            {
                await VhdxChain.AddAsync(_folder, depth, new[] { second, third, 1 }[depth - 1] << 20);
            }

            var image = VhdxChain.Open(_folder, depth);
            Assert.Equal(Size, image.Geometry.SizeBytes);
            for (var step = 0; step < 150; step++)
            {
                var length = random.Next(4) == 0 ? random.Next(1, (3 << 20) / sector) * sector : random.Next(1, 65536 / sector) * sector;
                var offset = random.Next((Size - length) / sector + 1) * sector;
                switch (random.Next(10))
                {
                    case 0 or 1 or 2:
                        var content = new byte[length];
                        random.NextBytes(content);
                        content.CopyTo(model, offset);
                        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, content, random.Next(20) == 0 ? WriteOptions.ForceUnitAccess : WriteOptions.None));
                        break;
                    case 3 or 4:
                        model.AsSpan(offset, length).Clear();
                        Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(offset, length, (WriteOptions)random.Next(4)));
                        break;
                    case 5:
                        // What was trimmed reads as zeros or as before.
                        Assert.Equal(BlockStatus.Ok, await image.TrimAsync(offset, length));
                        var trimmed = await image.ReadBytesAsync(offset, length);
                        for (var i = 0; i < length; i++)
                        {
                            Assert.True(trimmed[i] == 0 || trimmed[i] == model[offset + i], $"seed {seed} step {step}");
                        }

                        trimmed.CopyTo(model, offset);
                        break;
                    case 6:
                        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
                        break;
                    case 7 when random.Next(5) == 0:
                        await image.DisposeAsync();
                        image = VhdxChain.Open(_folder, depth);
                        break;
                    default:
                        var found = await image.ReadBytesAsync(offset, length);
                        Assert.True(model.AsSpan(offset, length).SequenceEqual(found), $"seed {seed} depth {depth} step {step}");
                        break;
                }
            }

            await CheckMapAsync(image, model);
            await image.DisposeAsync();
            models.Add((byte[])model.Clone());
        }

        // No child has changed what its ancestors hold.
        for (var depth = 0; depth < models.Count; depth++)
        {
            await using var image = VhdxChain.Open(_folder, depth, readOnly: true);
            var found = await image.ReadBytesAsync(0, Size);
            Assert.True(models[depth].AsSpan().SequenceEqual(found), $"seed {seed} depth {depth}");
        }
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task Child_NamesItsParentAndTakesOverWhatTheGuestSees()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(Size, IsFixed: true, 4 << 20, 4096, 4096));
        await VhdxChain.AddAsync(_folder, 1);
        await using var child = VhdxChain.Open(_folder, 1);
        var parent = child.Parent!;
        Assert.Equal(DiskKind.Differencing, child.Properties.Kind);
        Assert.Equal(parent.Geometry, child.Geometry);
        Assert.Equal(parent.Properties.DiskId, child.Properties.DiskId);
        Assert.Equal(4 << 20, child.Properties.BlockSizeBytes);
        Assert.Equal(parent.Identity, child.ParentReference!.Identity);
        Assert.Equal([@".\0.vhdx", VhdxChain.Name(_folder, 0).Replace('/', '\\')], child.ParentReference.Paths);
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task WrittenParent_IsNoLongerTheOneTheChildKnows_AndAParentThatIsOnlyReadIs()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(Size, IsFixed: false));
        await VhdxChain.AddAsync(_folder, 1);
        await using var child = VhdxImage.Open(Vireo.Disks.Files.SystemImageFile.Open(VhdxChain.Name(_folder, 1), readOnly: true), Guid.NewGuid);
        await using (var parent = VhdxChain.Open(_folder, 0))
        {
            await parent.ReadBytesAsync(0, 512);
            await parent.FlushAsync();
            Assert.Equal(parent.Identity, child.ParentReference!.Identity);
            await parent.TrimAsync(0, 4096);
            Assert.NotEqual(parent.Identity, child.ParentReference!.Identity);
        }
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task ImageWithoutItsParent_ShowsItsPropertiesButNoData_AndNoImageIsItsOwnAncestor()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(Size, IsFixed: false));
        await VhdxChain.AddAsync(_folder, 1);
        await using var child = VhdxImage.Open(Vireo.Disks.Files.SystemImageFile.Open(VhdxChain.Name(_folder, 1), readOnly: true), Guid.NewGuid);
        Assert.Equal(DiskKind.Differencing, child.Properties.Kind);
        using var buffer = new NativeBuffer(512);
        Assert.Equal(BlockStatus.Unsupported, await child.ReadAsync(0, new IoVector(new[] { buffer.Segment }, 512)));
        Assert.Equal(ImageErrorKind.InvalidParameter, Assert.Throws<ImageException>(() => child.Parent = child).Kind);
        await using var parent = VhdxChain.Open(_folder, 0, readOnly: true);
        Assert.Equal(ImageErrorKind.InvalidParameter, Assert.Throws<ImageException>(() => parent.Parent = child).Kind);
        List<BlockExtent> own = [];
        Assert.Equal(BlockStatus.Ok, await child.MapOwnExtentsAsync(0, Size, own));
        Assert.Equal([new BlockExtent(0, Size, ExtentKind.Hole)], own);
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task BlockThatWasWrittenInParts_IsFullyPresentOnceAllOfItIs()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(4 << 20, IsFixed: false, 1 << 20));
        await using (var parent = VhdxChain.Open(_folder, 0))
        {
            await parent.WriteBytesAsync(0, Enumerable.Repeat((byte)1, 4 << 20).ToArray());
        }

        await VhdxChain.AddAsync(_folder, 1);
        await using var child = VhdxChain.Open(_folder, 1);
        for (var part = 0; part < 8; part++)
        {
            var before = child.FindBlock(1);
            Assert.Equal(part == 0 ? VhdxBlockState.NotPresent : VhdxBlockState.PartiallyPresent, before.State);
            await child.WriteBytesAsync((1 << 20) + ((part * 3 % 8) << 17), Enumerable.Repeat((byte)2, 1 << 17).ToArray());
        }

        var after = child.FindBlock(1);
        Assert.Equal(VhdxBlockState.FullyPresent, after.State);
        Assert.Equal(Enumerable.Repeat((byte)2, 1 << 20), await child.ReadBytesAsync(1 << 20, 1 << 20));

        // A block that is written as a whole, and one that the parent has nothing in, never need a bitmap.
        await child.WriteBytesAsync(2 << 20, new byte[1 << 20]);
        var whole = child.FindBlock(2);
        Assert.Equal(VhdxBlockState.FullyPresent, whole.State);
    }

    [Fact]
    [Requirement("VD-1")]
    public async Task ParentsHoles_ShowThroughAsZeros_AndTakeNoBitmapWhenTheyAreWritten()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(8 << 20, IsFixed: false, 1 << 20));
        await VhdxChain.AddAsync(_folder, 1);
        await using var child = VhdxChain.Open(_folder, 1);
        Assert.Equal([new BlockExtent(0, 8 << 20, ExtentKind.Hole | ExtentKind.Zero)], await child.MapAllAsync());
        await child.WriteBytesAsync(512, Enumerable.Repeat((byte)2, 512).ToArray());
        var entry = child.FindBlock(0);
        Assert.Equal(VhdxBlockState.FullyPresent, entry.State);
        var bitmap = child.FindBitmap(0);
        Assert.Equal(VhdxBlockState.NotPresent, bitmap.State);
    }

    private static async Task CheckMapAsync(VhdxImage image, byte[] model)
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
