using Vireo.Control.Storage;
using Vireo.Disks;

namespace Vireo.Storage.Plane;

/// <summary>
/// Stands where the image of a disk will be while another host still writes to it. Touches no file: reads answer zeros, whatever would change something
/// is refused.
/// </summary>
/// <param name="path">The image that will take its place.</param>
/// <param name="standby">What the disk promises.</param>
/// <param name="isReadOnly">Whether the disk will be for reading only.</param>
internal sealed class StandbyImage(string path, DiskStandby standby, bool isReadOnly) : IDiskImage
{
    /// <inheritdoc/>
    public string Path => path;

    /// <inheritdoc/>
    public BlockGeometry Geometry { get; } = new(standby.SizeBytes, standby.LogicalSectorBytes, standby.PhysicalSectorBytes);

    /// <summary>What a guest is told it may do, since it is told once. Extents are not offered: what is there is not known.</summary>
    public BlockCapabilities Capabilities { get; } = new(
        isReadOnly,
        standby.Trims && !isReadOnly ? Capability.Native : Capability.None,
        isReadOnly ? Capability.None : Capability.Native,
        Capability.None);

    /// <inheritdoc/>
    public ImageProperties Properties => new(DiskFormat.Raw, DiskKind.Fixed, Geometry, 0, 0, Guid.Empty, null);

    /// <inheritdoc/>
    public Guid Identity => Guid.Empty;

    /// <inheritdoc/>
    public ParentReference? ParentReference => null;

    /// <inheritdoc/>
    public IDiskImage? Parent { get; set; }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance => null;

    /// <summary>A promise that no disk can keep is refused.</summary>
    /// <exception cref="Control.ControlException">A size or sector size is none.</exception>
    public static void Require(DiskAttachment attachment)
    {
        if (attachment.Standby is { } standby
            && (standby.LogicalSectorBytes is not (512 or 4096) || standby.PhysicalSectorBytes is not (512 or 4096) || standby.PhysicalSectorBytes < standby.LogicalSectorBytes
                || standby.SizeBytes <= 0 || standby.SizeBytes % standby.LogicalSectorBytes != 0))
        {
            throw PlaneErrors.Invalid(
                $"The disk {attachment.Id} cannot promise {standby.SizeBytes} bytes in sectors of {standby.LogicalSectorBytes} ({standby.PhysicalSectorBytes} physical); sectors have 512 or 4096 bytes, and the size is a multiple.",
                attachment.Id.ToString());
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers)
    {
        foreach (var segment in buffers.Segments)
        {
            segment.Span.Clear();
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options) => new(BlockStatus.IoError);

    /// <summary>Nothing was written, so everything that was is durable.</summary>
    public ValueTask<BlockStatus> FlushAsync() => new(BlockStatus.Ok);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => new(BlockStatus.IoError);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options) => new(BlockStatus.IoError);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => new(BlockStatus.Unsupported);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => new(BlockStatus.Unsupported);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
