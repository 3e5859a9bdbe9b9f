using Microsoft.Vhd.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Control.Storage;

namespace Vireo.Commands.Support;

/// <summary>Disk images as objects of the model.</summary>
public static class VhdMapper
{
    /// <summary>A disk.</summary>
    public static VirtualHardDisk Disk(ImageInfo image, CommandContext context) =>
        Disk(image, context, context.Service<IMounts>().All.FirstOrDefault(disk => disk.Path == image.Path));

    private static VirtualHardDisk Disk(ImageInfo image, CommandContext context, MountedDisk? mounted) => new()
    {
        ComputerName = context.Service<IHostSettings>().Facts.Name,
        Path = image.Path,
        VhdFormat = image.Format == ImageFormat.Vhd ? VhdFormat.VHD : VhdFormat.VHDX,
        VhdType = image.Type switch { ImageType.Fixed => VhdType.Fixed, ImageType.Dynamic => VhdType.Dynamic, _ => VhdType.Differencing },
        FileSize = (ulong)image.FileSizeBytes,
        Size = (ulong)image.SizeBytes,
        MinimumSize = image.MinimumSizeBytes is { } minimum ? (ulong)minimum : null,
        LogicalSectorSize = (uint)image.LogicalSectorBytes,
        PhysicalSectorSize = (uint)image.PhysicalSectorBytes,
        BlockSize = (uint)image.BlockSizeBytes,
        ParentPath = image.ParentPath ?? "",
        DiskIdentifier = image.DiskId.ToString("D").ToUpperInvariant(),
        FragmentationPercentage = image.FragmentationPercent,
        Alignment = image.AlignmentBytes == 0 ? 1u : 0u,
        Attached = image.InUse,
        DiskNumber = mounted?.Number,
        DevicePath = mounted?.DevicePath,
    };
}
