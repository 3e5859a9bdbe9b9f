using Vireo.Disks.Operations;
using Vireo.Testing;

namespace Vireo.Disks.Tests.Smb;

/// <summary>What is done to images, on a share.</summary>
[Requirement("SB-1")]
[Requirement("SM-2")]
public sealed class SharedImageTests(SambaFixture samba) : IClassFixture<SambaFixture>
{
    private const long Size = 32 << 20;
    private readonly SambaServer _server = samba.Server;

    [Fact]
    public Task A_vhdx_is_made_forked_converted_merged_grown_and_checked() => LiveAsync(DiskFormat.Vhdx, "vhdx");

    [Fact]
    [Trait("Category", "Long")]
    public Task A_vhd_is_made_forked_converted_merged_grown_and_checked() => LiveAsync(DiskFormat.Vhd, "vpc");

    [Fact]
    [Requirement("OX-1")]
    public async Task The_server_copies_from_file_to_file_of_a_share()
    {
        var (source, converted, copy) = (_server.Unc("source.vhdx"), _server.Unc("converted.vhdx"), _server.Unc("copied.vhdx"));
        await new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic, Size, BlockSizeBytes: 2 << 20).CreateAsync(source);
        var content = new byte[18 << 20];
        new Random(TestSeed.Next()).NextBytes(content);
        await using (var image = ImageFile.Open(source, new ImageOpenOptions()))
        {
            await image.WriteBytesAsync(4 << 20, content);
            Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
        }

        // Both are read by others, which the server must not mind.
        await using var reader = ImageFile.Open(source, new ImageOpenOptions { ReadOnly = true });
        foreach (var result in new[]
        {
            await ImageConversion.ConvertAsync(source, converted, new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic, BlockSizeBytes: 2 << 20), null, null, CancellationToken.None),
            FileCopy.Run(source, copy, null, CancellationToken.None),
        })
        {
            Assert.Equal((CopyMethod.ServerSide, result.CopiedBytes), (result.Method, result.OffloadedBytes));
            Assert.InRange(result.CopiedBytes, content.Length, Size);
        }

        foreach (var name in new[] { "converted.vhdx", "copied.vhdx" })
        {
            Peer.Run("qemu-img", "compare", "-f", "vhdx", "-F", "vhdx", Path.Combine(_server.Folder, "source.vhdx"), Path.Combine(_server.Folder, name));
            await using var image = ImageFile.Open(_server.Unc(name), new ImageOpenOptions { ReadOnly = true });
            Assert.Equal(content, await image.ReadBytesAsync(4 << 20, content.Length));
        }
    }

    private async Task LiveAsync(DiskFormat format, string peerFormat)
    {
        var extension = format == DiskFormat.Vhdx ? "vhdx" : "vhd";
        Directory.CreateDirectory(Path.Combine(_server.Folder, extension, "children"));
        var (parent, child, copy) = (_server.Unc($@"{extension}\base.{extension}"), _server.Unc($@"{extension}\children\child.{extension}"), _server.Unc($@"{extension}\copy.vhdx"));
        await new NewImage(format, DiskKind.Dynamic, Size).CreateAsync(parent);
        Assert.Equal(ImageErrorKind.AlreadyExists, (await Assert.ThrowsAsync<ImageException>(() => new NewImage(format, DiskKind.Dynamic, Size).CreateAsync(parent))).Kind);
        await WriteAsync(parent, 1 << 20, 0x5a);
        await new NewImage(format, DiskKind.Differencing, ParentPath: parent).CreateAsync(child);
        await WriteAsync(child, 3 << 20, 0x6b);
        var seen = await ImageFile.InspectAsync(child);
        Assert.Equal(parent, seen.ParentPath, ignoreCase: true);
        Assert.False(seen.IsInUse);
        await using (ImageFile.Open(child, new ImageOpenOptions()))
        {
            Assert.True((await ImageFile.InspectAsync(child)).IsInUse);
        }

        await ImageTest.RunAsync(child, null, null, CancellationToken.None);
        await ImageConversion.ConvertAsync(child, copy, new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic), null, null, CancellationToken.None);
        await ImageMerge.MergeAsync(child, null, null, null, CancellationToken.None);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_server.Folder, extension, "children")));
        await ImageChanges.ResizeAsync(parent, 2 * Size, null, null, CancellationToken.None);
        foreach (var (name, found) in new[] { ($"{extension}/base.{extension}", peerFormat), ($"{extension}/copy.vhdx", "vhdx") })
        {
            var below = Path.Combine(_server.Folder, name);
            Peer.Run("qemu-io", "-r", "-f", found, "-c", "read -P 0x5a 1M 64k", "-c", "read -P 0x6b 3M 64k", "-c", "read -P 0 5M 64k", below);
        }

        Peer.Run("qemu-img", "check", "-f", "vhdx", Path.Combine(_server.Folder, extension, "copy.vhdx"));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_server.Folder, extension), "*.new"));
    }

    private static async Task WriteAsync(string path, long offset, byte value)
    {
        await using var image = ImageFile.Open(path, new ImageOpenOptions());
        await image.WriteBytesAsync(offset, Enumerable.Repeat(value, 64 << 10).ToArray());
        Assert.Equal(BlockStatus.Ok, await image.FlushAsync());
    }
}
