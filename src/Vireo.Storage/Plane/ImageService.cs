using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Vhdx;

namespace Vireo.Storage.Plane;

/// <summary>Makes and inspects images that need not be open.</summary>
internal sealed class ImageService(DiskRegistry disks)
{
    /// <summary>Makes an image, complete or not at all.</summary>
    /// <exception cref="ControlException">A parameter is wrong, the file exists, there is no space.</exception>
    public static void Create(CreateImage request)
    {
        try
        {
            switch (request.Format, request.Type)
            {
                case (ImageFormat.Vhdx, ImageType.Fixed or ImageType.Dynamic):
                    ImageFile.Create(
                        request.Path,
                        new VhdxCreate(request.SizeBytes, request.Type == ImageType.Fixed, request.BlockSizeBytes, request.LogicalSectorBytes, request.PhysicalSectorBytes));
                    break;
                case (ImageFormat.Raw, ImageType.Fixed or ImageType.Dynamic):
                    ImageFile.CreateRaw(request.Path, request.SizeBytes, reserve: request.Type == ImageType.Fixed);
                    break;
                default:
                    throw new ImageException(
                        ImageErrorKind.Unsupported, request.Path, $"The image '{request.Path}' cannot be made: {request.Type} {request.Format} images are not supported yet.");
            }
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }
    }

    /// <summary>What an image says of itself; one that the plane has open answers for itself.</summary>
    /// <exception cref="ControlException">Not there, damaged, or of a kind that is not supported.</exception>
    public async Task<ImageInfo> InspectAsync(string path)
    {
        if (disks.FindByPath(path) is { } open)
        {
            return Describe(path, open.Image.Properties, isInUse: true);
        }

        try
        {
            var inspection = await ImageFile.InspectAsync(path).ConfigureAwait(false);
            return Describe(path, inspection.Properties, inspection.IsInUse);
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }
    }

    private static ImageInfo Describe(string path, ImageProperties image, bool isInUse) => new(
        path,
        image.Format switch
        {
            DiskFormat.Vhdx => ImageFormat.Vhdx,
            DiskFormat.Vhd => ImageFormat.Vhd,
            _ => ImageFormat.Raw,
        },
        image.Kind switch
        {
            DiskKind.Dynamic => ImageType.Dynamic,
            DiskKind.Differencing => ImageType.Differencing,
            _ => ImageType.Fixed,
        },
        image.Geometry.SizeBytes,
        image.FileSizeBytes,
        image.BlockSizeBytes,
        image.Geometry.LogicalSectorBytes,
        image.Geometry.PhysicalSectorBytes,
        image.DiskId,
        ParentPath: null,
        ParentDiskId: null,
        image.FragmentationPercent,
        MinimumSizeBytes: null,
        AlignmentBytes: image.Format == DiskFormat.Vhdx ? 1 : 0,
        isInUse);
}
