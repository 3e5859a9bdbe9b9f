using System.Security.Cryptography;
using Vireo.Disks.Operations;
using Vireo.Testing;

namespace Vireo.Disks.Tests;

/// <summary>Files are copied byte for byte by the storage, and their holes stay holes.</summary>
public sealed class FileCopyTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("IM-1")]
    public async Task A_copy_is_the_same_bytes_and_no_larger()
    {
        var image = new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic, 128L << 20);
        await image.CreateAsync(_folder["a.vhdx"]);
        var content = RandomNumberGenerator.GetBytes(3 << 20);
        await using (var open = ImageFile.Open(_folder["a.vhdx"], new ImageOpenOptions()))
        {
            Assert.Equal(BlockStatus.Ok, await open.WriteBytesAsync(100 << 20, content));
            Assert.Equal(BlockStatus.Ok, await open.FlushAsync());
        }

        var result = FileCopy.Run(_folder["a.vhdx"], _folder["b.vhdx"], null, CancellationToken.None);
        Assert.Equal(File.ReadAllBytes(_folder["a.vhdx"]), File.ReadAllBytes(_folder["b.vhdx"]));
        Assert.InRange(result.CopiedBytes, content.Length, 16 << 20);

        // A raw file with one block at its end.
        await using (var sparse = File.Create(_folder["c.img"]))
        {
            sparse.Seek((256L << 20) - 1000, SeekOrigin.Begin);
            sparse.Write(content.AsSpan(0, 1000));
        }

        result = FileCopy.Run(_folder["c.img"], _folder["d.img"], null, CancellationToken.None);
        Assert.Equal(256L << 20, new FileInfo(_folder["d.img"]).Length);
        Assert.InRange(result.CopiedBytes, 1000, 1 << 20);
        Assert.InRange(long.Parse(Peer.Run("stat", "-c", "%b", _folder["d.img"]).Trim(), System.Globalization.CultureInfo.InvariantCulture) * 512, 1, 1 << 20);
        Peer.Run("cmp", _folder["c.img"], _folder["d.img"]);
    }

    [Fact]
    [Requirement("IM-1")]
    public async Task What_cannot_be_copied_leaves_nothing()
    {
        await new NewImage(DiskFormat.Vhdx, DiskKind.Dynamic, 128L << 20).CreateAsync(_folder["a.vhdx"]);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Assert.Throws<OperationCanceledException>(() => FileCopy.Run(_folder["a.vhdx"], _folder["b.vhdx"], null, cancelled.Token));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Path));

        await using var writer = ImageFile.Open(_folder["a.vhdx"], new ImageOpenOptions());
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => FileCopy.Run(_folder["a.vhdx"], _folder["b.vhdx"], null, CancellationToken.None)).Kind);
        File.WriteAllText(_folder["b.vhdx"], "somebody else's");
        Assert.Equal(ImageErrorKind.AlreadyExists, Assert.Throws<ImageException>(() => FileCopy.Run(_folder["a.vhdx"], _folder["b.vhdx"], null, CancellationToken.None)).Kind);
        Assert.Equal("somebody else's", File.ReadAllText(_folder["b.vhdx"]));
    }
}
