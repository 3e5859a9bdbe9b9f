namespace Vireo.Disks;

/// <summary>An open image file: a block device that knows what it is made of, and of which parent, if it holds only what differs from one.</summary>
public interface IDiskImage : IBlockDevice
{
    /// <summary>The file.</summary>
    string Path { get; }

    /// <summary>What the image says of itself now.</summary>
    ImageProperties Properties { get; }

    /// <summary>What a child keeps to recognise this image by; empty for a raw image. Changes with the first write of a session that can change content.</summary>
    Guid Identity { get; }

    /// <summary>The parent as the file names it; null when the image stands alone.</summary>
    ParentReference? ParentReference { get; }

    /// <summary>The open image that is asked for what this one does not hold; null when the image stands alone, or was opened alone to be looked at.</summary>
    /// <remarks>
    /// Set while no request is inside the image, to one with the same content in the ranges this one does not hold. The setter neither checks
    /// identities nor changes the file; the image disposes the parent it has when it is disposed itself, and no earlier.
    /// </remarks>
    IDiskImage? Parent { get; set; }

    /// <summary>
    /// As <see cref="IBlockDevice.MapExtentsAsync"/>, but of this file alone: <see cref="ExtentKind.Hole"/> without <see cref="ExtentKind.Zero"/>
    /// is what the parent is asked for.
    /// </summary>
    ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents);

    /// <summary>Changes to the image as a whole; null when it is open for reading only or the format knows none.</summary>
    IImageMaintenance? Maintenance { get; }
}
