using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Metadata that users and programs keep with an image. [MS-VHDX] 2.6.1.2: at most 1,024 items of at most 1 MB each.</summary>
public sealed class VhdxUserItems
{
    private readonly IImageFile _file;
    private readonly VhdxImage _image;

    internal VhdxUserItems(IImageFile file, VhdxImage image)
    {
        _file = file;
        _image = image;
    }

    /// <summary>Which items there are.</summary>
    public IReadOnlyList<VhdxMetadataEntry> List() => [.. _image.Parts.Metadata.Items.Where(static item => item.IsUser)];

    /// <summary>The content of an item; null when there is none of that id.</summary>
    /// <exception cref="ImageException">The storage failed.</exception>
    public byte[]? Read(Guid id)
    {
        foreach (var item in _image.Parts.Metadata.Items)
        {
            if (item.IsUser && item.Id == id)
            {
                var content = new byte[item.LengthBytes];
                var status = _file.Read(_image.Parts.Regions.Metadata.OffsetBytes + item.OffsetBytes, content);
                return status == BlockStatus.Ok ? content : throw ImageException.Failed(_file.Path, "read the metadata of", status);
            }
        }

        return null;
    }
}
