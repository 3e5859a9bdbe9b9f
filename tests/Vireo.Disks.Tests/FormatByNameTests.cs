using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Disks.Tests;

/// <summary>Which format a file is opened as.</summary>
public sealed class FormatByNameTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Requirement("VD-10")]
    public void A_file_named_vhdx_that_is_none_is_damaged_not_raw()
    {
        var path = _folder["zeros.vhdx"];
        File.WriteAllBytes(path, new byte[1 << 20]);
        var refused = Assert.Throws<ImageException>(() => ImageFile.Open(path, new ImageOpenOptions()));
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        Assert.All(File.ReadAllBytes(path), static value => Assert.Equal(0, value));
    }

    [Fact]
    [Requirement("VD-10")]
    public async Task A_raw_disk_stays_raw_whatever_its_guest_writes_into_it()
    {
        var vhdx = _folder["inner.vhdx"];
        ImageFile.Create(vhdx, new VhdxCreate(64 << 20, IsFixed: false));
        var raw = _folder["disk.img"];
        File.Copy(vhdx, raw);
        var image = ImageFile.Open(raw, new ImageOpenOptions());
        await using (image)
        {
            Assert.Equal(new FileInfo(raw).Length, image.Geometry.SizeBytes);
        }
    }
}
