using Vireo.Disks.Files;

namespace Vireo.Disks.Operations;

/// <summary>An image that can say where in its file a range of the disk is, so that the storage can copy it by itself.</summary>
internal interface IPlacedImage
{
    /// <summary>The file.</summary>
    IImageFile File { get; }

    /// <summary>
    /// Where the range begins in the file; its length is cut to what lies in one piece. False when it is not in this file. With
    /// <paramref name="toWrite"/> the place may be written without telling the image.
    /// </summary>
    bool TryPlace(long offsetBytes, ref long lengthBytes, bool toWrite, out long fileOffset);
}
