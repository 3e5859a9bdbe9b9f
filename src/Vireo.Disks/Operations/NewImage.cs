using Vireo.Disks.Vhd;
using Vireo.Disks.Vhdx;

namespace Vireo.Disks.Operations;

/// <summary>What kind of image is to be made.</summary>
/// <param name="Format">File format.</param>
/// <param name="Kind">Fixed, dynamic or differencing.</param>
/// <param name="SizeBytes">Size of the virtual disk; 0 for that of the source or parent.</param>
/// <param name="BlockSizeBytes">0 for the format's default.</param>
/// <param name="LogicalSectorBytes">0 for the source's, or 512 or 4096.</param>
/// <param name="PhysicalSectorBytes">0 for the source's, or 512 or 4096.</param>
/// <param name="ParentPath">Of a differencing image.</param>
public sealed record NewImage(
    DiskFormat Format, DiskKind Kind, long SizeBytes = 0, int BlockSizeBytes = 0, int LogicalSectorBytes = 0, int PhysicalSectorBytes = 0, string? ParentPath = null)
{
    /// <summary>The identity of the disk; null for a new one, or the parent's for a differencing VHDX. A raw image has none.</summary>
    public Guid? DiskId { get; init; }

    /// <summary>Says when the image is made.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Makes the image: complete under its name, or not there at all.</summary>
    /// <exception cref="ImageException">A parameter is out of range, the file exists, there is no space, the parent cannot be used.</exception>
    public async Task CreateAsync(string path, ParentSearch? search = null)
    {
        var parent = await OpenParentAsync(path, search).ConfigureAwait(false);
        try
        {
            ImageFile.Create(path, Writer(path, parent));
        }
        finally
        {
            if (parent is not null)
            {
                await parent.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Opens the parent for reading; null when the image has none.</summary>
    /// <exception cref="ImageException">It cannot be opened, or not be the parent of such an image.</exception>
    internal Task<IDiskImage?> OpenParentAsync(string path, ParentSearch? search)
    {
        if (Kind != DiskKind.Differencing)
        {
            return ParentPath is null
                ? Task.FromResult<IDiskImage?>(null)
                : throw new ImageException(ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot have a parent, because it is not to be a differencing one.");
        }

        if (ParentPath is null)
        {
            throw new ImageException(ImageErrorKind.InvalidParameter, path, $"The differencing image '{path}' needs a parent.");
        }

        return OpenAsync();

        async Task<IDiskImage?> OpenAsync()
        {
            var parent = ImageFile.Open(ParentPath, new ImageOpenOptions(ReadOnly: true, Parents: search));
            if (parent.Properties.Format == Format)
            {
                return parent;
            }

            var found = parent.Properties.Format;
            await parent.DisposeAsync().ConfigureAwait(false);
            throw new ImageException(
                ImageErrorKind.InvalidParameter, path, $"The image '{path}' ({Format}) cannot have the parent '{ParentPath}' ({found}): both must be of one format.");
        }
    }

    /// <summary>What writes the empty image into a file.</summary>
    /// <exception cref="ImageException">A parameter is out of range.</exception>
    internal Action<Files.IImageFile> Writer(string path, IDiskImage? parent)
    {
        if (DiskId == Guid.Empty)
        {
            throw new ImageException(ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot have the identity {Guid.Empty}, which means none.");
        }

        var size = SizeBytes == 0 && parent is not null ? parent.Geometry.SizeBytes : SizeBytes;
        if (parent is not null && size < parent.Geometry.SizeBytes)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, path, $"The image '{path}' cannot have {size} bytes, because its parent '{parent.Path}' has {parent.Geometry.SizeBytes}.");
        }

        switch (Format)
        {
            case DiskFormat.Vhdx when parent is not null:
                var child = VhdxCreate.ForParent(parent, path, BlockSizeBytes);
                child = child with { SizeBytes = size, PhysicalSectorBytes = PhysicalSectorBytes == 0 ? child.PhysicalSectorBytes : PhysicalSectorBytes, DiskId = DiskId };
                return file => child.Write(file, Guid.NewGuid);
            case DiskFormat.Vhdx:
                var vhdx = new VhdxCreate(size, Kind == DiskKind.Fixed, BlockSizeBytes, LogicalSectorBytes, PhysicalSectorBytes) { DiskId = DiskId };
                return file => vhdx.Write(file, Guid.NewGuid);
            case DiskFormat.Vhd:
                if (LogicalSectorBytes is not (0 or 512) || PhysicalSectorBytes is not (0 or 512))
                {
                    throw new ImageException(
                        ImageErrorKind.InvalidParameter,
                        path,
                        $"The image '{path}' cannot have sectors of {LogicalSectorBytes} and {PhysicalSectorBytes} bytes: those of a VHD have 512; choose VHDX.");
                }

                var reference = parent is null ? null : new VhdParent(parent.Identity, Disks.ParentPath.Of(path, parent.Path), Platform.Files.UncPath.IsUnc(parent.Path) ? Time.GetUtcNow() : new DateTimeOffset(File.GetLastWriteTimeUtc(parent.Path)));
                var vhd = new VhdCreate(size, Kind == DiskKind.Fixed, BlockSizeBytes, reference, Time.GetUtcNow());
                return file => vhd.Write(file, () => DiskId ?? Guid.NewGuid());
            default:
                return file => ImageFile.WriteRaw(file, size, reserve: Kind == DiskKind.Fixed);
        }
    }
}
