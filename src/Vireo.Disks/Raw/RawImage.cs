using Vireo.Disks.Files;
using Vireo.Disks.Operations;

namespace Vireo.Disks.Raw;

/// <summary>An image that is nothing but the disk's bytes, also an ISO 9660 file or a block device. A last sector that the file does not fill reads as zeros behind its end.</summary>
public sealed class RawImage : IDiskImage, IPartialReader, IPlacedImage
{
    private const int SectorBytes = 512;
    private const int LargeSectorBytes = 4096;
    private readonly IImageFile _file;
    private readonly FlushRunner _flush;

    /// <summary>Takes over <paramref name="file"/>.</summary>
    public RawImage(IImageFile file)
    {
        _file = file;
        _flush = new FlushRunner(file.Flush);
        var sizeBytes = (file.LengthBytes + SectorBytes - 1) / SectorBytes * SectorBytes;
        var sectorBytes = file.DeviceSectorBytes == LargeSectorBytes ? LargeSectorBytes : SectorBytes;
        Geometry = new BlockGeometry(sizeBytes, sectorBytes, sectorBytes);
        Capabilities = file.IsReadOnly
            ? new(ReadOnly: true, Capability.None, Capability.None, Capability.Native)
            : new(ReadOnly: false, Capability.Native, Capability.Native, Capability.Native);
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public BlockGeometry Geometry { get; }

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public Guid Identity => Guid.Empty;

    /// <inheritdoc/>
    public ParentReference? ParentReference => null;

    /// <inheritdoc/>
    public IDiskImage? Parent { get; set; }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance => null;

    /// <inheritdoc/>
    public ImageProperties Properties => new(DiskFormat.Raw, DiskKind.Fixed, Geometry, 0, _file.LengthBytes, Guid.Empty, null);

    /// <inheritdoc/>
    bool IPlacedImage.TryPlace(long offsetBytes, ref long lengthBytes, bool toWrite, out IImageFile? file, out long fileOffset)
    {
        (file, fileOffset) = (_file, offsetBytes);
        var inside = Math.Min(lengthBytes, _file.LengthBytes - offsetBytes);
        lengthBytes = inside > 0 ? inside : lengthBytes;
        return inside > 0;
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => _file.ReadAsync(offsetBytes, buffers, 0, buffers.LengthBytes);

    /// <inheritdoc/>
    ValueTask<BlockStatus> IPartialReader.ReadPartAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
        _file.ReadAsync(offsetBytes, buffers, start, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        if (_file.IsReadOnly)
        {
            return new(BlockStatus.ReadOnly);
        }

        var request = _file.WriteAsync(offsetBytes, buffers, 0, buffers.LengthBytes);
        return (options & WriteOptions.ForceUnitAccess) == 0 ? request : WriteThroughAsync(request);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => _file.IsReadOnly ? new(BlockStatus.Ok) : _flush.RunAsync();

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes)
    {
        if (_file.IsReadOnly)
        {
            return new(BlockStatus.ReadOnly);
        }

        return new(lengthBytes == 0 ? BlockStatus.Ok : _file.Discard(offsetBytes, lengthBytes));
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (_file.IsReadOnly)
        {
            return new(BlockStatus.ReadOnly);
        }

        if (lengthBytes == 0)
        {
            return new(BlockStatus.Ok);
        }

        var status = (options & WriteOptions.MayTrim) != 0 ? _file.Discard(offsetBytes, lengthBytes) : _file.Zero(offsetBytes, lengthBytes);
        return status == BlockStatus.Ok && (options & WriteOptions.ForceUnitAccess) != 0 ? _flush.RunAsync() : new(status);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => MapExtentsAsync(offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var end = offsetBytes + lengthBytes;
        while (offsetBytes < end && extents.Count < ExtentLimit.PerRequest)
        {
            var runBytes = _file.MeasureRun(offsetBytes, end - offsetBytes, out var isHole);

            // A sector that is partly hole counts as data.
            isHole &= runBytes >= SectorBytes;
            runBytes = isHole ? runBytes / SectorBytes * SectorBytes : Math.Min((runBytes + SectorBytes - 1) / SectorBytes * SectorBytes, end - offsetBytes);
            extents.Add(new BlockExtent(offsetBytes, runBytes, isHole ? ExtentKind.Hole | ExtentKind.Zero : ExtentKind.Data));
            offsetBytes += runBytes;
        }

        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<BlockStatus> WriteThroughAsync(ValueTask<BlockStatus> request)
    {
        var status = await request.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await _flush.RunAsync().ConfigureAwait(false) : status;
    }
}
