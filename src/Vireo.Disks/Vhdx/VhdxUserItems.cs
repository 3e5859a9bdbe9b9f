using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Metadata that users and programs keep with an image. [MS-VHDX] 2.6.1.2: at most 1,024 items of at most 1 MB each.</summary>
public sealed class VhdxUserItems
{
    private readonly IImageFile _file;
    private readonly VhdxImage _image;
    private readonly VhdxMaintenance? _maintenance;

    internal VhdxUserItems(IImageFile file, VhdxImage image, VhdxMaintenance? maintenance)
    {
        _file = file;
        _image = image;
        _maintenance = maintenance;
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

    /// <summary>Adds an item or replaces its content, durably and as a whole, while no request is inside the image.</summary>
    /// <param name="id">Names the item.</param>
    /// <param name="content">At most 1 MB.</param>
    /// <param name="isVirtualDisk">Whether it is about the virtual disk: children take it over, and merging brings it to the parent.</param>
    /// <exception cref="ImageException">Too long, one too many, the image is open for reading only, or the storage failed.</exception>
    public void Write(Guid id, byte[] content, bool isVirtualDisk)
    {
        if (content.Length > VhdxMetadataTable.MaximumItemBytes)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, _file.Path, $"A metadata item of '{_file.Path}' can have 1 MB at most; {content.Length} bytes were given.");
        }

        Maintenance().Edit(changesContent: false, (editor, _) => editor.Put(new VhdxMetadataEntry(id, 0, 0, IsUser: true, isVirtualDisk, IsRequired: false), content));
    }

    /// <summary>Removes an item, durably, while no request is inside the image; false when there is none of that id.</summary>
    /// <exception cref="ImageException">The image is open for reading only, or the storage failed.</exception>
    public bool Remove(Guid id)
    {
        if (!List().Any(item => item.Id == id))
        {
            return false;
        }

        Maintenance().Edit(changesContent: false, (editor, _) => editor.Put(new VhdxMetadataEntry(id, 0, 0, IsUser: true, IsVirtualDisk: false, IsRequired: false), null));
        return true;
    }

    /// <summary>Keeps the items of <paramref name="source"/> and no others, durably one after the other, while no request is inside this image.</summary>
    /// <exception cref="ImageException">One of both images cannot be read or written.</exception>
    public void CopyFrom(VhdxUserItems source)
    {
        var wanted = source.List().Select(static item => item.Id).ToHashSet();
        foreach (var item in List().Where(item => !wanted.Contains(item.Id)))
        {
            Remove(item.Id);
        }

        TakeOver(source, source.List());
    }

    /// <summary>
    /// Takes over what a child that is merged into this image keeps about the virtual disk, durably one item after the other, while no request is
    /// inside this image. [MS-VHDX] 2.6.1.2.
    /// </summary>
    /// <exception cref="ImageException">There would be too many items, or one of both images cannot be read or written.</exception>
    public void MergeFrom(VhdxUserItems child) => TakeOver(child, child.List().Where(static item => item.IsVirtualDisk));

    private void TakeOver(VhdxUserItems source, IEnumerable<VhdxMetadataEntry> items)
    {
        foreach (var item in items)
        {
            var content = source.Read(item.Id)!;
            if (!List().Any(own => own.Id == item.Id && own.IsVirtualDisk == item.IsVirtualDisk) || !content.AsSpan().SequenceEqual(Read(item.Id)))
            {
                Write(item.Id, content, item.IsVirtualDisk);
            }
        }
    }

    private VhdxMaintenance Maintenance() =>
        _maintenance ?? throw new ImageException(ImageErrorKind.AccessDenied, _file.Path, $"The image '{_file.Path}' is open for reading only; open it for writing to change its metadata.");
}
