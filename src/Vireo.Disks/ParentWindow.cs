using System.Runtime.CompilerServices;
using Vireo.Platform.Memory;

namespace Vireo.Disks;

/// <summary>
/// A differencing image's view of its parent: as large as need be, with zeros behind the parent's end. The parent may be of any format.
/// </summary>
internal sealed class ParentWindow
{
    // No chain that a person made is as deep; a longer one is a loop, or meant to exhaust the stack.
    private const int MaximumDepth = 1024;

    private readonly IPartialReader? _reader;
    private readonly long _sizeBytes;

    /// <summary>The view of <paramref name="image"/> for its child <paramref name="owner"/>.</summary>
    /// <exception cref="ImageException">The child would become its own ancestor.</exception>
    public ParentWindow(IDiskImage owner, IDiskImage image)
    {
        var depth = 0;
        for (var ancestor = image; ancestor is not null; ancestor = ancestor.Parent)
        {
            if (ReferenceEquals(ancestor, owner) || ++depth > MaximumDepth)
            {
                throw new ImageException(
                    ImageErrorKind.InvalidParameter, owner.Path, $"The image '{owner.Path}' cannot have '{image.Path}' as its parent: the chain would never end.");
            }
        }

        Image = image;
        _reader = image as IPartialReader;
        _sizeBytes = image.Geometry.SizeBytes;
    }

    /// <summary>The parent.</summary>
    public IDiskImage Image { get; }

    /// <summary>Reads as <see cref="IPartialReader.ReadPartAsync"/>.</summary>
    public ValueTask<BlockStatus> ReadPartAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes)
    {
        var insideBytes = (int)Math.Clamp(_sizeBytes - offsetBytes, 0, lengthBytes);
        if (insideBytes < lengthBytes)
        {
            SegmentWindow.Clear(buffers.Segments, start + insideBytes, lengthBytes - insideBytes);
        }

        return insideBytes == 0 ? new(BlockStatus.Ok)
            : _reader is not null ? _reader.ReadPartAsync(offsetBytes, buffers, start, insideBytes)
            : Image.ReadAsync(offsetBytes, Cut(buffers, start, insideBytes));
    }

    /// <summary>As <see cref="IBlockDevice.MapExtentsAsync"/>.</summary>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        if (offsetBytes < _sizeBytes)
        {
            return Image.MapExtentsAsync(offsetBytes, Math.Min(lengthBytes, _sizeBytes - offsetBytes), extents);
        }

        extents.Add(new BlockExtent(offsetBytes, lengthBytes, ExtentKind.Hole | ExtentKind.Zero));
        return new(BlockStatus.Ok);
    }

    /// <summary>Whether the parent is known to have nothing but zeros in a range; it is not read to find out.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<(BlockStatus Status, bool IsZero)> IsZeroAsync(long offsetBytes, long lengthBytes)
    {
        var end = Math.Min(offsetBytes + lengthBytes, _sizeBytes);
        List<BlockExtent> extents = [];
        while (offsetBytes < end)
        {
            extents.Clear();
            var status = await Image.MapExtentsAsync(offsetBytes, end - offsetBytes, extents).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return (status, false);
            }

            if (extents.Count == 0 || extents.Exists(static extent => (extent.Kind & ExtentKind.Zero) == 0))
            {
                return (BlockStatus.Ok, false);
            }

            offsetBytes = extents[^1].OffsetBytes + extents[^1].LengthBytes;
        }

        return (BlockStatus.Ok, true);
    }

    private static IoVector Cut(IoVector buffers, int start, int lengthBytes)
    {
        if (start == 0 && lengthBytes == buffers.LengthBytes)
        {
            return buffers;
        }

        List<IoSegment> cut = [];
        var left = lengthBytes;
        foreach (var segment in buffers.Segments)
        {
            if (start >= segment.Length)
            {
                start -= segment.Length;
                continue;
            }

            var taken = Math.Min(segment.Length - start, left);
            cut.Add(segment.Slice(start, taken));
            start = 0;
            left -= taken;
            if (left == 0)
            {
                break;
            }
        }

        return new IoVector(cut.ToArray(), lengthBytes);
    }
}
