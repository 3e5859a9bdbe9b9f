namespace Vireo.Disks;

/// <summary>
/// An image that can fill a part of a request's buffers: how a differencing image asks its parent for what it does not hold, without
/// cutting the buffers anew.
/// </summary>
internal interface IPartialReader
{
    /// <summary>Reads <paramref name="lengthBytes"/> bytes from <paramref name="offsetBytes"/> on into the part of <paramref name="buffers"/> that begins at <paramref name="start"/>.</summary>
    ValueTask<BlockStatus> ReadPartAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes);
}
