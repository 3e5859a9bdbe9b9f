using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>Images that are to take the place of others show the same disk.</summary>
[Requirement("LM-2")]
public sealed class ImageIdentityTests
{
    private static readonly Guid s_identity = new("f3a1d1e0-5b0c-4c58-8f0a-4a6f1c9d2b77");

    [Fact]
    public async Task IdentityThatWasAskedFor_IsTheDisks_AndChildrenKnowTheirParent()
    {
        using var folder = new TempFolder();
        using var plane = await StorageProcess.StartAsync(folder.Path);
        await CheckAsync(plane, folder, ImageFormat.Vhdx, "d.vhdx", ImageType.Dynamic);
        await CheckAsync(plane, folder, ImageFormat.Vhdx, "f.vhdx", ImageType.Fixed);
        await CheckAsync(plane, folder, ImageFormat.Vhd, "d.vhd", ImageType.Dynamic);
        await CheckAsync(plane, folder, ImageFormat.Vhd, "f.vhd", ImageType.Fixed);
    }

    private static async Task CheckAsync(StorageProcess plane, TempFolder folder, ImageFormat format, string extension, ImageType type)
    {
        var (alone, parent, child) = (folder["alone." + extension], folder["parent." + extension], folder["child." + extension]);
        await plane.Client.CreateImageAsync(new CreateImage(alone, format, type, 8 << 20, DiskId: s_identity));
        Assert.Equal(s_identity, (await plane.Client.InspectImageAsync(alone)).DiskId);
        if (format == ImageFormat.Vhd)
        {
            Assert.Contains(s_identity.ToString("D"), Peer.Run("vhdiinfo", alone), StringComparison.OrdinalIgnoreCase);
        }

        // A child that takes another's place has that one's identity, and its parent is known by its own.
        await plane.Client.CreateImageAsync(new CreateImage(parent, format, type, 8 << 20));
        await plane.Client.CreateImageAsync(new CreateImage(child, format, ImageType.Differencing, 0, ParentPath: parent, DiskId: s_identity));
        Assert.Equal(s_identity, (await plane.Client.InspectImageAsync(child)).DiskId);
        Assert.NotEqual(s_identity, (await plane.Client.InspectImageAsync(parent)).DiskId);
        var attachment = new DiskAttachment(Guid.NewGuid(), child, ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);
        await plane.Client.OpenDiskAsync(attachment);
        await plane.Client.CloseDiskAsync(attachment.Id);

        var refused = await Assert.ThrowsAnyAsync<ControlException>(() => plane.Client.CreateImageAsync(new CreateImage(folder["none." + extension], format, type, 8 << 20, DiskId: Guid.Empty)));
        Assert.Equal("InvalidParameter", refused.Error.ErrorId);
        Assert.False(File.Exists(folder["none." + extension]));
    }
}
