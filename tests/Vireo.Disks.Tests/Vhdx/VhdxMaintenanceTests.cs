using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests.Vhdx;

/// <summary>Changes to an image as a whole.</summary>
public sealed class VhdxMaintenanceTests(ITestOutputHelper output) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [Requirement("VD-8")]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task ResizingAndCompactingInAnyOrder_KeepsWhatWasWritten(bool isFixed, bool isChild)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var model = new byte[9 << 20];
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(model.Length, isFixed, 1 << 20));
        if (isChild)
        {
            await using (var parent = VhdxChain.Open(_folder, 0))
            {
                random.NextBytes(model);
                await parent.WriteBytesAsync(0, model);
            }

            await VhdxChain.AddAsync(_folder, 1);
        }

        var last = isChild ? 1 : 0;
        var image = VhdxChain.Open(_folder, last);
        for (var step = 0; step < 120; step++)
        {
            var length = random.Next(3) == 0 ? random.Next(1, 4096) * 512 : random.Next(1, 100) * 512;
            length = Math.Min(length, model.Length);
            var offset = random.Next(((model.Length - length) / 512) + 1) * 512;
            var what = $"seed {seed} step {step}";
            switch (random.Next(8))
            {
                case 0 or 1:
                    var content = new byte[length];
                    random.NextBytes(content);
                    content.CopyTo(model, offset);
                    Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, content));
                    break;
                case 2:
                    model.AsSpan(offset, length).Clear();
                    Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(offset, length, (WriteOptions)random.Next(4)));
                    break;
                case 3 when !isFixed:
                    var block = offset >> 20 << 20;
                    length = Math.Min(1 << 20, model.Length - block);
                    model.AsSpan(block, length).Clear();
                    Assert.Equal(BlockStatus.Ok, await image.TrimAsync(block, length));
                    break;
                case 4:
                    var size = random.Next(6 << 11, 24 << 11) * 512;
                    var minimum = image.Maintenance!.MinimumSizeBytes;
                    if (size < minimum && size < model.Length)
                    {
                        Assert.Equal(
                            ImageErrorKind.InvalidParameter,
                            (await Assert.ThrowsAsync<ImageException>(() => image.Maintenance.ResizeAsync(size, null, CancellationToken.None))).Kind);
                        Assert.Equal(-1, model.AsSpan((int)minimum).IndexOfAnyExcept((byte)0));
                        break;
                    }

                    await image.Maintenance.ResizeAsync(size, null, CancellationToken.None);
                    Array.Resize(ref model, size);
                    Assert.Equal(size, image.Geometry.SizeBytes);
                    break;
                case 5 when !isFixed:
                    await image.Maintenance!.CompactAsync((CompactMode)random.Next(5), null, CancellationToken.None);
                    break;
                case 6 when random.Next(3) == 0:
                    await image.DisposeAsync();
                    image = VhdxChain.Open(_folder, last);
                    break;
                default:
                    break;
            }

            var found = await image.ReadBytesAsync(0, model.Length);
            Assert.True(model.AsSpan().SequenceEqual(found), what);
        }

        await image.DisposeAsync();
        if (!isChild)
        {
            Peer.Run("qemu-img", "check", "-f", "vhdx", VhdxChain.Name(_folder, 0));
            await File.WriteAllBytesAsync(_folder["raw"], model);
            Peer.Run("qemu-img", "compare", "-f", "vhdx", "-F", "raw", VhdxChain.Name(_folder, 0), _folder["raw"]);
        }
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task GrowingFar_MovesTheBlockTable_AndCompactingMakesTheFileSmallAgain()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(64 << 20, IsFixed: false, 1 << 20));
        await using var image = VhdxChain.Open(_folder, 0);
        var content = Enumerable.Repeat((byte)7, 20 << 20).ToArray();
        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(0, content));
        await image.Maintenance!.ResizeAsync(300L << 30, null, CancellationToken.None);
        Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync((300L << 30) - 4096, new byte[4096].Select(static _ => (byte)8).ToArray()));
        Assert.Equal(content, await image.ReadBytesAsync(0, 20 << 20));
        Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(0, 19 << 20, WriteOptions.MayTrim));
        await image.Maintenance.CompactAsync(CompactMode.Full, null, CancellationToken.None);

        // Head, log and metadata, 3 MB of table, and two blocks.
        Assert.Equal((3 + 3 + 2) << 20, image.Properties.FileSizeBytes);
        Assert.Equal((byte)8, (await image.ReadBytesAsync((300L << 30) - 512, 512))[0]);
        Assert.Equal((byte)7, (await image.ReadBytesAsync(19 << 20, 512))[0]);
        Assert.Equal(300L << 30, image.Maintenance.MinimumSizeBytes);
        await Assert.ThrowsAsync<ImageException>(() => image.Maintenance.ResizeAsync(64 << 20, null, CancellationToken.None));
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task ParentReferenceSectorSizeAndDiskId_AreChangedInPlace()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(8 << 20, IsFixed: false));
        await VhdxChain.AddAsync(_folder, 1);
        var id = Guid.NewGuid();
        var parent = new ParentReference(
            [@"..\somewhere\else\" + new string('x', 5000) + ".vhdx", @"\\?\Volume{26A21BDA-A627-11D7-9931-806E6F6E6963}\a.vhdx", @"\\?\d:\a.vhdx"], Guid.NewGuid(), Guid.NewGuid());
        await using (var image = VhdxChain.Open(_folder, 1))
        {
            var identity = image.Identity;
            image.Maintenance!.SetParentReference(parent);
            Assert.Equal(identity, image.Identity);
            image.Maintenance.SetDiskId(id);
            image.Maintenance.SetPhysicalSectorBytes(512);
            Assert.NotEqual(identity, image.Identity);
        }

        await using var again = VhdxChain.Open(_folder, 1, readOnly: true);
        Assert.Equal(parent.Paths, again.ParentReference!.Paths);
        Assert.Equal((parent.Identity, parent.AlternateIdentity), (again.ParentReference.Identity, again.ParentReference.AlternateIdentity));
        Assert.Equal(id, again.Properties.DiskId);
        Assert.Equal(512, again.Geometry.PhysicalSectorBytes);
        Assert.Null(again.Maintenance);
    }

    [Fact]
    [Requirement("VD-6")]
    public async Task UserMetadata_AreKeptReplacedRemovedAndHandedDown()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(8 << 20, IsFixed: false));
        var random = new Random(3);
        var items = new Dictionary<Guid, (byte[] Content, bool IsVirtualDisk)>();
        await using (var image = VhdxChain.Open(_folder, 0))
        {
            await image.WriteBytesAsync(4096, [1, .. new byte[511]]);
            for (var step = 0; step < 60; step++)
            {
                if (items.Count > 0 && random.Next(4) == 0)
                {
                    var gone = items.Keys.ElementAt(random.Next(items.Count));
                    items.Remove(gone);
                    Assert.True(image.UserItems.Remove(gone));
                    continue;
                }

                var id = items.Count > 0 && random.Next(3) == 0 ? items.Keys.ElementAt(random.Next(items.Count)) : Guid.NewGuid();
                var content = new byte[random.Next(5) switch { 0 => 0, 1 => 1 << 20, _ => random.Next(60000) }];
                random.NextBytes(content);
                items[id] = (content, random.Next(2) == 0);
                image.UserItems.Write(id, content, items[id].IsVirtualDisk);
            }

            Assert.Equal(ImageErrorKind.InvalidParameter, Assert.Throws<ImageException>(() => image.UserItems.Write(Guid.NewGuid(), new byte[(1 << 20) + 1], false)).Kind);
            Assert.False(image.UserItems.Remove(Guid.NewGuid()));
        }

        foreach (var (id, _) in items.Where(static item => item.Value is { IsVirtualDisk: true, Content.Length: > 100000 }).Skip(0).ToList())
        {
            // One region of metadata is all that a new image has.
            await using var image = VhdxChain.Open(_folder, 0);
            image.UserItems.Remove(id);
            items.Remove(id);
        }

        await using (var image = VhdxChain.Open(_folder, 0, readOnly: true))
        {
            Assert.Equal(items.Keys.Order(), image.UserItems.List().Select(static item => item.Id).Order());
            Assert.All(items, item => Assert.Equal(item.Value.Content, image.UserItems.Read(item.Key)));
            Assert.Equal(1, (await image.ReadBytesAsync(4096, 512))[0]);
        }

        Peer.Run("qemu-img", "check", "-f", "vhdx", VhdxChain.Name(_folder, 0));
        await VhdxChain.AddAsync(_folder, 1);
        await using var child = VhdxChain.Open(_folder, 1, readOnly: true);
        var handedDown = items.Where(static item => item.Value.IsVirtualDisk).ToList();
        Assert.Equal(handedDown.Select(static item => item.Key).Order(), child.UserItems.List().Select(static item => item.Id).Order());
        Assert.All(handedDown, item => Assert.Equal(item.Value.Content, child.UserItems.Read(item.Key)));
    }

    [Fact]
    [Requirement("VD-6")]
    [Trait("Category", "Long")]
    public async Task UserMetadata_AreRefusedBeyondAThousandAndTwentyFour()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(8 << 20, IsFixed: false));
        await using var image = VhdxChain.Open(_folder, 0);
        for (var i = 0; i < VhdxMetadataTable.MaximumUserEntries; i++)
        {
            image.UserItems.Write(Guid.NewGuid(), [(byte)i], isVirtualDisk: false);
        }

        Assert.Contains("1024", Assert.Throws<ImageException>(() => image.UserItems.Write(Guid.NewGuid(), [1], false)).Message, StringComparison.Ordinal);
        Assert.Equal(VhdxMetadataTable.MaximumUserEntries, image.UserItems.List().Count);
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task FixedDiskIsNotCompacted_AndCancellingLeavesAWholeImage()
    {
        ImageFile.Create(VhdxChain.Name(_folder, 0), new VhdxCreate(8 << 20, IsFixed: true));
        await using (var image = VhdxChain.Open(_folder, 0))
        {
            Assert.Contains(
                "fixed", (await Assert.ThrowsAsync<ImageException>(() => image.Maintenance!.CompactAsync(CompactMode.Full, null, CancellationToken.None))).Message, StringComparison.Ordinal);
        }

        ImageFile.Create(_folder["b.vhdx"], new VhdxCreate(32 << 20, IsFixed: false, 1 << 20));
        await using var other = VhdxImage.Open(SystemImageFile.Open(_folder["b.vhdx"], readOnly: false), Guid.NewGuid);
        var content = Enumerable.Repeat((byte)5, 32 << 20).ToArray();
        await other.WriteBytesAsync(0, content);
        content.AsSpan(0, 8 << 20).Clear();
        await other.WriteZeroesAsync(0, 8 << 20, WriteOptions.None);
        using var cancellation = new CancellationTokenSource();
        var progress = new Callback(report => cancellation.CancelAfter(report.DoneBytes > 4 << 20 ? 0 : -1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.Maintenance!.CompactAsync(CompactMode.Full, progress, new CancellationToken(canceled: true)));
        Assert.Equal(content, await other.ReadBytesAsync(0, 32 << 20));
        await other.Maintenance!.CompactAsync(CompactMode.Full, progress, CancellationToken.None);
        Assert.Equal(content, await other.ReadBytesAsync(0, 32 << 20));
        Assert.Equal((4 + 24) << 20, other.Properties.FileSizeBytes);
    }

    private sealed class Callback(Action<CopyProgress> report) : IProgress<CopyProgress>
    {
        public void Report(CopyProgress value) => report(value);
    }
}
