namespace Vireo.Disks;

/// <summary>
/// What an image chain and every layer above it offer: a linear array of bytes that can be read, written, flushed, trimmed, zeroed and
/// mapped. A front end sees only this; splicing a layer in or out exchanges one implementation for another.
/// </summary>
/// <remarks>
/// Rules that hold between any two layers and are checked once, at the boundary (see <c>BoundaryCheck</c>):
/// offsets and lengths are multiples of <see cref="BlockGeometry.LogicalSectorBytes"/> and lie inside <see cref="BlockGeometry.SizeBytes"/>;
/// buffers stay valid until the call completes; a request completes exactly once, with a status and never with an exception;
/// requests may run concurrently and complete in any order; a flush makes durable every write that completed before it was submitted.
/// </remarks>
public interface IBlockDevice : IAsyncDisposable
{
    /// <summary>Size and sector sizes. Constant while a stack is in place.</summary>
    BlockGeometry Geometry { get; }

    /// <summary>What the device does by itself; asked once when a stack is spliced.</summary>
    BlockCapabilities Capabilities { get; }

    /// <summary>Fills <paramref name="buffers"/> from <paramref name="offsetBytes"/> on.</summary>
    ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers);

    /// <summary>Writes <paramref name="buffers"/> at <paramref name="offsetBytes"/>; with <see cref="WriteOptions.ForceUnitAccess"/> durable on completion.</summary>
    ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options);

    /// <summary>Makes every completed write durable.</summary>
    ValueTask<BlockStatus> FlushAsync();

    /// <summary>Tells that the content of the range is no longer needed. It may read as before, or as zeros, afterwards.</summary>
    ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes);

    /// <summary>Makes the range read as zeros; with <see cref="WriteOptions.MayTrim"/> it may give up its storage.</summary>
    ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options);

    /// <summary>
    /// Appends to <paramref name="extents"/> contiguous extents that cover the range from its start, at least one sector of it and at
    /// most all of it; a caller that wants more asks again from where the answer ended.
    /// </summary>
    ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents);
}
