using Vireo.Disks.Operations;
using Vireo.Testing;
using Xunit.Abstractions;

namespace Vireo.Disks.Tests;

/// <summary>Operations on closed images of every format.</summary>
public sealed class OperationTests(ITestOutputHelper output) : IDisposable
{
    private const int Size = 24 << 20;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<DiskFormat, DiskKind> Kinds => new()
    {
        { DiskFormat.Raw, DiskKind.Fixed },
        { DiskFormat.Raw, DiskKind.Dynamic },
        { DiskFormat.Vhd, DiskKind.Fixed },
        { DiskFormat.Vhd, DiskKind.Dynamic },
        { DiskFormat.Vhd, DiskKind.Differencing },
        { DiskFormat.Vhdx, DiskKind.Fixed },
        { DiskFormat.Vhdx, DiskKind.Dynamic },
        { DiskFormat.Vhdx, DiskKind.Differencing },
    };

    [Theory]
    [Requirement("VD-8")]
    [MemberData(nameof(Kinds))]
    public async Task Any_image_converts_to_any_other_bit_for_bit(DiskFormat format, DiskKind kind)
    {
        var source = await MakeAsync("source", format, kind);
        foreach (var row in Kinds)
        {
            var (targetFormat, targetKind) = ((DiskFormat)row[0], (DiskKind)row[1]);
            var path = _folder[$"{targetFormat}-{targetKind}{Extension(targetFormat)}"];
            string? parentPath = null;
            if (targetKind == DiskKind.Differencing)
            {
                parentPath = _folder[$"{targetFormat}-parent{Extension(targetFormat)}"];
                await new NewImage(targetFormat, DiskKind.Dynamic, Size).CreateAsync(parentPath);
            }

            var result = await ImageConversion.ConvertAsync(
                source.Path, path, new NewImage(targetFormat, targetKind, ParentPath: parentPath), null, null, CancellationToken.None);
            Assert.InRange(result.CopiedBytes, 1, Size);
            await using var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true));
            Assert.Equal(targetKind == DiskKind.Dynamic && targetFormat == DiskFormat.Raw ? DiskKind.Fixed : targetKind, image.Properties.Kind);
            await AssertContentAsync(image, source.Content);
            if (targetKind != DiskKind.Fixed)
            {
                // Holes stay holes.
                Assert.InRange(AllocatedBytes(path), 1, 14 << 20);
            }

            await image.DisposeAsync();
            File.Delete(path);
        }
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task A_cancelled_or_refused_conversion_leaves_nothing()
    {
        var source = await MakeAsync("source", DiskFormat.Vhdx, DiskKind.Dynamic);
        var before = Directory.GetFiles(_folder.Path).Order().ToArray();
        using var stop = new CancellationTokenSource();
        var progress = new InlineProgress(_ => stop.Cancel());
        var parentPath = await MakeParentAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImageConversion.ConvertAsync(
            source.Path, _folder["target.vhd"], new NewImage(DiskFormat.Vhd, DiskKind.Differencing, ParentPath: parentPath), null, progress, stop.Token));
        Assert.Equal(before, Directory.GetFiles(_folder.Path).Where(static path => !path.EndsWith("zero.vhd", StringComparison.Ordinal)).Order().ToArray());
        await File.WriteAllTextAsync(_folder["taken.vhd"], "mine");
        var refused = await Assert.ThrowsAsync<ImageException>(
            () => ImageConversion.ConvertAsync(source.Path, _folder["taken.vhd"], new NewImage(DiskFormat.Vhd, DiskKind.Dynamic), null, null, CancellationToken.None));
        Assert.Equal(ImageErrorKind.AlreadyExists, refused.Kind);
        Assert.Equal("mine", await File.ReadAllTextAsync(_folder["taken.vhd"]));

        async Task<string> MakeParentAsync()
        {
            await new NewImage(DiskFormat.Vhd, DiskKind.Dynamic, Size).CreateAsync(_folder["zero.vhd"]);
            return _folder["zero.vhd"];
        }
    }

    [Theory]
    [Requirement("VD-8")]
    [InlineData(DiskFormat.Vhd, 1)]
    [InlineData(DiskFormat.Vhd, 3)]
    [InlineData(DiskFormat.Vhdx, 1)]
    [InlineData(DiskFormat.Vhdx, 3)]
    public async Task A_chain_merges_into_any_of_its_parents(DiskFormat format, int levels)
    {
        var (paths, content) = await MakeChainAsync(format, 4);
        var top = paths[3];
        var into = paths[3 - levels];
        Assert.Equal(into, (await ImageMerge.MergeAsync(top, levels == 1 ? null : into, null, null, CancellationToken.None)).Path);
        Assert.Equal(paths[..(4 - levels)], paths.Where(File.Exists));
        await using var image = ImageFile.Open(into, new ImageOpenOptions(ReadOnly: true));
        await AssertContentAsync(image, content);
    }

    [Theory]
    [Requirement("VD-8")]
    [InlineData(DiskFormat.Vhd)]
    [InlineData(DiskFormat.Vhdx)]
    public async Task A_cancelled_merge_leaves_a_chain_that_shows_the_same_and_merges_later(DiskFormat format)
    {
        var (paths, content) = await MakeChainAsync(format, 3);
        using var stop = new CancellationTokenSource();
        var reports = 0;
        var progress = new InlineProgress(_ =>
        {
            if (++reports == 6)
            {
                stop.Cancel();
            }
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ImageMerge.MergeAsync(paths[2], paths[0], null, progress, stop.Token));
        await using (var image = ImageFile.Open(paths[2], new ImageOpenOptions(ReadOnly: true)))
        {
            await AssertContentAsync(image, content);
        }

        await ImageMerge.MergeAsync(paths[2], paths[0], null, null, CancellationToken.None);
        await using var merged = ImageFile.Open(paths[0], new ImageOpenOptions(ReadOnly: true));
        await AssertContentAsync(merged, content);
    }

    [Fact]
    [Requirement("VD-8")]
    public async Task Merging_into_a_stranger_or_an_image_in_use_is_refused()
    {
        var (paths, _) = await MakeChainAsync(DiskFormat.Vhd, 2);
        await new NewImage(DiskFormat.Vhd, DiskKind.Dynamic, Size).CreateAsync(_folder["other.vhd"]);
        var stranger = await Assert.ThrowsAsync<ImageException>(() => ImageMerge.MergeAsync(paths[1], _folder["other.vhd"], null, null, CancellationToken.None));
        Assert.Equal(ImageErrorKind.InvalidParameter, stranger.Kind);
        var alone = await Assert.ThrowsAsync<ImageException>(() => ImageMerge.MergeAsync(paths[0], null, null, null, CancellationToken.None));
        Assert.Equal(ImageErrorKind.InvalidParameter, alone.Kind);
        await using (ImageFile.Open(paths[1], new ImageOpenOptions(ReadOnly: true)))
        {
            var used = await Assert.ThrowsAsync<ImageException>(() => ImageMerge.MergeAsync(paths[1], null, null, null, CancellationToken.None));
            Assert.Equal(ImageErrorKind.InUse, used.Kind);
        }

        Assert.All(paths, static path => Assert.True(File.Exists(path)));
    }

    [Theory]
    [Requirement("VD-8")]
    [InlineData(DiskFormat.Vhd)]
    [InlineData(DiskFormat.Vhdx)]
    public async Task A_parent_is_set_with_its_identity_checked(DiskFormat format)
    {
        var (paths, content) = await MakeChainAsync(format, 2);
        var moved = _folder["moved" + Extension(format)];
        File.Move(paths[0], moved);
        var other = _folder["other" + Extension(format)];
        await new NewImage(format, DiskKind.Dynamic, Size).CreateAsync(other);
        var refused = await Assert.ThrowsAsync<ImageException>(() => ImageChanges.SetParentAsync(paths[1], other, ignoreIdMismatch: false, null));
        Assert.Equal(ImageErrorKind.IdentityMismatch, refused.Kind);
        await ImageChanges.SetParentAsync(paths[1], moved, ignoreIdMismatch: false, null);
        await using (var image = ImageFile.Open(paths[1], new ImageOpenOptions(ReadOnly: true)))
        {
            await AssertContentAsync(image, content);
        }

        await ImageChanges.SetParentAsync(paths[1], other, ignoreIdMismatch: true, null);
        await using var forced = ImageFile.Open(paths[1], new ImageOpenOptions(ReadOnly: true));
        Assert.Equal(other, forced.Parent!.Path);
    }

    [Theory]
    [Requirement("OX-1")]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    public async Task Where_files_can_share_storage_a_copy_shares_it(string fileSystem)
    {
        using var mount = LoopMount.TryMake(_folder, fileSystem);
        if (mount is null)
        {
            output.WriteLine($"the kernel or this machine has no {fileSystem}; the copy is made the ordinary way here");
            return;
        }

        var source = Path.Combine(mount.Folder, "source.img");
        var content = new byte[64 << 20];
        new Random(3).NextBytes(content);
        await File.WriteAllBytesAsync(source, content);
        var result = await ImageConversion.ConvertAsync(
            source, Path.Combine(mount.Folder, "target.vhd"), new NewImage(DiskFormat.Vhd, DiskKind.Fixed), null, null, CancellationToken.None);
        Assert.Equal(CopyMethod.Reflink, result.Method);
        Assert.Equal(content.Length, result.OffloadedBytes);
        await using var image = ImageFile.Open(Path.Combine(mount.Folder, "target.vhd"), new ImageOpenOptions(ReadOnly: true));
        await AssertContentAsync(image, content);
    }

    [Theory]
    [Requirement("OX-1")]
    [InlineData("")]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    public async Task Blocks_of_a_VHDX_are_copied_by_the_storage(string fileSystem)
    {
        using var mount = fileSystem.Length == 0 ? null : LoopMount.TryMake(_folder, fileSystem);
        if (mount is null && fileSystem.Length > 0)
        {
            output.WriteLine($"the kernel or this machine has no {fileSystem}; without it the system copies");
        }

        CopyMethod[] expected = mount is null ? [CopyMethod.Reflink, CopyMethod.CopyFileRange] : [CopyMethod.Reflink];
        var folder = mount?.Folder ?? _folder.Path;
        var (parent, child) = (Path.Combine(folder, "parent.vhdx"), Path.Combine(folder, "child.avhdx"));
        var content = new byte[Size];
        await new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic, Size, 1 << 20).CreateAsync(parent);
        await FillAsync(parent, content, 5);
        await new NewImage(DiskFormat.Vhdx, DiskKind.Differencing, BlockSizeBytes: 2 << 20, ParentPath: parent).CreateAsync(child);
        await FillAsync(child, content, 5);

        // A chain into one file, from two of them.
        var copy = Path.Combine(folder, "copy.vhdx");
        var converted = await ImageConversion.ConvertAsync(child, copy, new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic), null, null, CancellationToken.None);
        Assert.Contains(converted.Method, expected);
        Assert.InRange(converted.OffloadedBytes, 1, converted.CopiedBytes);
        await AssertImageAsync(copy, content);

        // What a copy shares, a write to it parts.
        await FillAsync(copy, new byte[Size], 3);
        await AssertImageAsync(child, content);
        var merged = await ImageMerge.MergeAsync(child, null, null, null, CancellationToken.None);
        Assert.Contains(merged.Copy.Method, expected);
        Assert.True(merged.Copy.OffloadedBytes > 0);
        await AssertImageAsync(parent, content);
        await using (var image = ImageFile.Open(parent, new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await image.TrimAsync(0, Size / 4));
            content.AsSpan(0, Size / 4).Clear();
        }

        var moved = await ImageChanges.CompactAsync(parent, CompactMode.Full, null, null, CancellationToken.None);
        Assert.True(moved.Method == CopyMethod.None || expected.Contains(moved.Method), $"{moved}");
        await AssertImageAsync(parent, content);
        output.WriteLine($"{converted} {merged.Copy} {moved}");

        static async Task AssertImageAsync(string path, byte[] content)
        {
            await ImageTest.RunAsync(path, null, null, CancellationToken.None);
            await using var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true));
            await AssertContentAsync(image, content);
        }
    }

    [Fact]
    [Requirement("OX-1")]
    public async Task The_result_says_how_it_was_copied()
    {
        var source = await MakeAsync("source", DiskFormat.Raw, DiskKind.Fixed);
        var offloaded = await ImageConversion.ConvertAsync(source.Path, _folder["a.vhd"], new NewImage(DiskFormat.Vhd, DiskKind.Fixed), null, null, CancellationToken.None);
        Assert.Contains(offloaded.Method, new[] { CopyMethod.Reflink, CopyMethod.CopyFileRange });
        Assert.True(offloaded.OffloadedBytes > 0);
        var ordinary = await ImageConversion.ConvertAsync(source.Path, _folder["a.vhdx"], new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic), null, null, CancellationToken.None);
        Assert.Equal(CopyMethod.ReadWrite, ordinary.Method);
        output.WriteLine($"{offloaded} {ordinary}");
    }

    private static async Task AssertContentAsync(IDiskImage image, byte[] content)
    {
        var found = await image.ReadBytesAsync(0, content.Length);
        var same = content.AsSpan().CommonPrefixLength(found);
        Assert.True(same == content.Length, $"'{image.Path}' differs at {same}");
    }

    private static string Extension(DiskFormat format) => format switch
    {
        DiskFormat.Vhd => ".vhd",
        DiskFormat.Vhdx => ".vhdx",
        _ => ".img",
    };

    private static long AllocatedBytes(string path) => long.Parse(Peer.Run("stat", "-c", "%b", path), System.Globalization.CultureInfo.InvariantCulture) * 512;

    private async Task<(string Path, byte[] Content)> MakeAsync(string name, DiskFormat format, DiskKind kind)
    {
        if (kind == DiskKind.Differencing)
        {
            var (paths, chain) = await MakeChainAsync(format, 2);
            return (paths[1], chain);
        }

        var path = _folder[name + Extension(format)];
        var content = new byte[Size];
        await new NewImage(format, kind, Size).CreateAsync(path);
        await FillAsync(path, content, 5);
        return (path, content);
    }

    private async Task<(string[] Paths, byte[] Content)> MakeChainAsync(DiskFormat format, int levels)
    {
        var content = new byte[Size];
        var paths = Enumerable.Range(0, levels).Select(level => _folder[$"level{level}{Extension(format)}"]).ToArray();
        for (var level = 0; level < levels; level++)
        {
            await (level == 0 ? new NewImage(format, DiskKind.Dynamic, Size) : new NewImage(format, DiskKind.Differencing, ParentPath: paths[level - 1])).CreateAsync(paths[level]);
            await FillAsync(paths[level], content, 3);
        }

        return (paths, content);
    }

    private async Task FillAsync(string path, byte[] content, int writes)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"seed of {path}: {seed}");
        var random = new Random(seed);
        await using var image = ImageFile.Open(path, new ImageOpenOptions());
        for (var i = 0; i < writes; i++)
        {
            var part = new byte[random.Next(1, 2000) * 512];
            random.NextBytes(part);
            var offset = random.Next((Size - part.Length) / 2 / 512) * 512;
            part.CopyTo(content, offset);
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(offset, part));
        }

        // Zeros over data of a parent have to come along, too.
        var hole = random.Next(Size / 4 / 4096) * 4096;
        content.AsSpan(hole, 65536).Clear();
        Assert.Equal(BlockStatus.Ok, await image.WriteZeroesAsync(hole, 65536, WriteOptions.MayTrim));
    }

    private sealed class InlineProgress(Action<CopyProgress> report) : IProgress<CopyProgress>
    {
        public void Report(CopyProgress value) => report(value);
    }
}
