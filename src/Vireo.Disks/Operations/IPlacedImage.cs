using Vireo.Disks.Files;

namespace Vireo.Disks.Operations;

/// <summary>An image that can say where a range of the disk is, so that the storage can copy it by itself.</summary>
internal interface IPlacedImage
{
    /// <summary>
    /// In which file, the image's or a parent's, and where in it the range begins; its length is cut to what is of one kind, also when the answer is
    /// false: then the range has no place. With <paramref name="toWrite"/> it gets one when it can, and the place may be written without telling
    /// the image.
    /// </summary>
    bool TryPlace(long offsetBytes, ref long lengthBytes, bool toWrite, out IImageFile? file, out long fileOffset);
}
