using Vireo.Disks.Operations;

namespace Vireo.Disks.Files;

/// <summary>A file into which its storage can copy from another of its files, without the bytes going through this program.</summary>
internal interface IStorageCopy
{
    /// <summary>Copies a range of <paramref name="source"/>, which lies within that file.</summary>
    /// <param name="source">The other file, of whatever kind.</param>
    /// <param name="sourceOffset">First byte there.</param>
    /// <param name="offsetBytes">First byte here.</param>
    /// <param name="lengthBytes">How many.</param>
    /// <param name="method">How copies were done so far, and afterwards with this one.</param>
    /// <returns>False when the storage cannot, or did not; then nothing, or a part that may be copied again, was done.</returns>
    bool TryCopyFrom(IImageFile source, long sourceOffset, long offsetBytes, long lengthBytes, ref CopyMethod method);
}
