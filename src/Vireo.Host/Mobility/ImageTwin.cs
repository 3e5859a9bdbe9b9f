using Vireo.Control.Storage;

namespace Vireo.Host.Mobility;

/// <summary>An empty image that is to become the same as another one.</summary>
internal static class ImageTwin
{
    /// <summary>What to make.</summary>
    /// <param name="info">The other one.</param>
    /// <param name="path">The new file.</param>
    /// <param name="parent">What it is to stand on; null when it stands for itself.</param>
    /// <param name="hasIdentity">Guests and backups take it for the same disk from the beginning; else whoever fills it gives it its identity.</param>
    public static CreateImage Of(ImageInfo info, string path, string? parent, bool hasIdentity = false) => (info.Format switch
    {
        ImageFormat.Vhdx => new CreateImage(path, info.Format, info.Type, info.SizeBytes, info.BlockSizeBytes, parent is null ? info.LogicalSectorBytes : 0, info.PhysicalSectorBytes, parent),
        ImageFormat.Vhd => new CreateImage(path, info.Format, info.Type, info.SizeBytes, info.BlockSizeBytes, ParentPath: parent),

        // Storage is taken where the source has data.
        _ => new CreateImage(path, info.Format, ImageType.Dynamic, info.SizeBytes),
    }) with
    { DiskId = hasIdentity && info.DiskId != Guid.Empty ? info.DiskId : null };
}
