using Vireo.Disks.Files;
using Vireo.Disks.Vhd;
using Vireo.Platform.Files;
using Vireo.Testing;

namespace Vireo.Disks.Tests;

/// <summary>How parents are found, checked and locked.</summary>
public sealed class ChainTests : IDisposable
{
    private const int Size = 8 << 20;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("VD-2")]
    public async Task A_chain_of_five_reads_each_sector_from_the_nearest_image()
    {
        var path = await MakeChainAsync(5);
        await using (var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true)))
        {
            Assert.Equal(5, ImageChain.Of(image).Count);
            for (var level = 0; level < 5; level++)
            {
                Assert.Equal(Enumerable.Repeat((byte)(level + 1), 512), await image.ReadBytesAsync(level * 4096, 512));
            }

            // Written by all, shown by the last.
            Assert.Equal(Enumerable.Repeat((byte)5, 512), await image.ReadBytesAsync(1 << 20, 512));
        }

        // The other reader of chains agrees.
        Directory.CreateDirectory(_folder["mount"]);
        var mounted = Peer.TryRun("vhdimount", path, _folder["mount"]);
        mounted.Succeeded("vhdimount");
        try
        {
            using var disk = File.OpenRead(_folder["mount/vhdi5"]);
            var bytes = new byte[512];
            foreach (var (offset, value) in new[] { (0, 1), (4096, 2), (4096 * 4, 5), (1 << 20, 5) })
            {
                disk.Position = offset;
                disk.ReadExactly(bytes);
                Assert.All(bytes, found => Assert.Equal(value, found));
            }
        }
        finally
        {
            Peer.Run("umount", _folder["mount"]);
        }
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task A_missing_parent_is_refused_by_name()
    {
        var path = await MakeChainAsync(3);
        File.Delete(_folder["0.vhd"]);
        var refused = Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions()));
        Assert.Equal(ImageErrorKind.ParentMissing, refused.Kind);
        Assert.Contains("0.vhd", refused.Message, StringComparison.Ordinal);

        // Nothing of the chain stays locked.
        await using var rest = ImageFile.Open(_folder["1.vhd"], new ImageOpenOptions(Alone: true));
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task Another_image_in_the_parents_place_is_refused_unless_the_caller_insists()
    {
        var path = await MakeChainAsync(2);
        File.Delete(_folder["0.vhd"]);
        ImageFile.Create(_folder["0.vhd"], new VhdCreate(Size, IsFixed: false));
        var refused = Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions()));
        Assert.Equal(ImageErrorKind.IdentityMismatch, refused.Kind);
        await using var image = ImageFile.Open(path, new ImageOpenOptions(Parents: new ParentSearch([], IgnoreIdMismatch: true)));
        Assert.Contains(image.Parent!.Identity.ToString("D"), refused.Message, StringComparison.Ordinal);
        Assert.Contains(image.ParentReference!.Identity.ToString("D"), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("VD-10")]
    public void A_loop_of_parents_is_refused()
    {
        var (a, b) = (Guid.NewGuid(), Guid.NewGuid());
        Make("a.vhd", a, b, "b.vhd");
        Make("b.vhd", b, a, "a.vhd");
        var refused = Assert.Throws<ImageException>(() => ImageFile.Open(_folder["a.vhd"], new ImageOpenOptions(ReadOnly: true)));
        Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
        Assert.Contains("loop", refused.Message, StringComparison.Ordinal);
        Make("c.vhd", a, a, "c.vhd");
        Assert.Contains("loop", Assert.Throws<ImageException>(() => ImageFile.Open(_folder["c.vhd"], new ImageOpenOptions())).Message, StringComparison.Ordinal);

        void Make(string name, Guid own, Guid parent, string parentName)
        {
            using var file = SystemImageFile.CreateUnpublished(_folder[name]);
            new VhdCreate(Size, IsFixed: false, 0, new VhdParent(parent, [".\\" + parentName], DateTimeOffset.UnixEpoch)).Write(file, () => own);
            file.Publish(_folder[name]);
        }
    }

    [Fact]
    [Requirement("VD-2")]
    public async Task Windows_paths_are_mapped_and_names_found_whatever_their_case()
    {
        await MakeChainAsync(1);
        Directory.CreateDirectory(_folder["child"]);
        Guid id;
        await using (var parent = ImageFile.Open(_folder["0.vhd"], new ImageOpenOptions(ReadOnly: true)))
        {
            id = parent.Identity;
        }

        var child = _folder["child/a.vhd"];
        ImageFile.Create(child, new VhdCreate(Size, IsFixed: false, 0, new VhdParent(id, ["D:\\VMs\\Disks\\0.vhd"], DateTimeOffset.UnixEpoch)));
        Assert.Equal(ImageErrorKind.ParentMissing, Assert.Throws<ImageException>(() => ImageFile.Open(child, new ImageOpenOptions(ReadOnly: true))).Kind);
        var search = new ParentSearch([new PathMapping("d:\\", "/nowhere"), new PathMapping("d:\\vms\\disks", _folder.Path)]);
        await using (var image = ImageFile.Open(child, new ImageOpenOptions(ReadOnly: true, Parents: search)))
        {
            Assert.Equal(_folder["0.vhd"], image.Parent!.Path);
        }

        File.Move(_folder["0.vhd"], _folder["child/0.VHD"]);
        await using (var image = ImageFile.Open(child, new ImageOpenOptions(ReadOnly: true)))
        {
            Assert.Equal(_folder["child/0.VHD"], image.Parent!.Path);
        }

        Assert.Equal(_folder["child/0.VHD"], (await ImageFile.InspectAsync(child)).ParentPath);
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task Nobody_writes_a_parent_while_a_child_is_open_and_children_share_it()
    {
        var path = await MakeChainAsync(2);
        Differencing.CreateVhd(_folder["twin.vhd"], _folder["0.vhd"], Size, 0);
        await using var image = ImageFile.Open(path, new ImageOpenOptions());
        await using var twin = ImageFile.Open(_folder["twin.vhd"], new ImageOpenOptions());
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => ImageFile.Open(_folder["0.vhd"], new ImageOpenOptions())).Kind);
        Assert.NotEqual(0, Peer.TryRun("qemu-io", "-f", "vpc", "-c", "write 0 512", _folder["0.vhd"]).ExitCode);
        using var probe = NativeFile.TryOpen(_folder["0.vhd"], writable: false, out _);
        Assert.NotNull(probe);
    }

    private async Task<string> MakeChainAsync(int levels)
    {
        for (var level = 0; level < levels; level++)
        {
            var path = _folder[$"{level}.vhd"];
            if (level == 0)
            {
                ImageFile.Create(path, new VhdCreate(Size, IsFixed: false));
            }
            else
            {
                Differencing.CreateVhd(path, _folder[$"{level - 1}.vhd"], Size, 0);
            }

            await using var image = ImageFile.Open(path, new ImageOpenOptions());
            var content = new byte[512];
            Array.Fill(content, (byte)(level + 1));
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(level * 4096, content));
            Assert.Equal(BlockStatus.Ok, await image.WriteBytesAsync(1 << 20, content));
        }

        return _folder[$"{levels - 1}.vhd"];
    }
}
