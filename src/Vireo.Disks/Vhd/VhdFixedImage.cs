using Vireo.Disks.Files;
using Vireo.Disks.Operations;

namespace Vireo.Disks.Vhd;

/// <summary>A fixed VHD: the disk's bytes, then the footer.</summary>
internal sealed class VhdFixedImage : IDiskImage, IPartialReader, IPlacedImage
{
    private readonly IImageFile _file;
    private readonly FlushRunner _flush;

    internal VhdFixedImage(IImageFile file, VhdOpening opened)
    {
        _file = file;
        _flush = new FlushRunner(file.Flush);
        Footer = opened.Footer;
        Capabilities = file.IsReadOnly
            ? new(ReadOnly: true, Capability.None, Capability.None, Capability.Native)
            : new(ReadOnly: false, Capability.None, Capability.Native, Capability.Native);
        Maintenance = file.IsReadOnly ? null : new VhdFixedMaintenance(file, this);
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public BlockGeometry Geometry => new(Footer.CurrentSizeBytes / VhdLimits.SectorBytes * VhdLimits.SectorBytes, VhdLimits.SectorBytes, VhdLimits.SectorBytes);

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public Guid Identity => Footer.UniqueId;

    /// <inheritdoc/>
    public ParentReference? ParentReference => null;

    /// <inheritdoc/>
    public IDiskImage? Parent { get; set; }

    /// <inheritdoc/>
    public IImageMaintenance? Maintenance { get; }

    /// <inheritdoc/>
    public ImageProperties Properties => new(DiskFormat.Vhd, DiskKind.Fixed, Geometry, 0, _file.LengthBytes, Footer.UniqueId, null);

    /// <summary>The footer now.</summary>
    internal VhdFooter Footer { get; set; }

    /// <inheritdoc/>
    bool IPlacedImage.TryPlace(long offsetBytes, ref long lengthBytes, bool toWrite, out IImageFile? file, out long fileOffset)
    {
        (file, fileOffset) = (_file, offsetBytes);
        return true;
    }

    /// <inheritdoc/>
    ValueTask<BlockStatus> IPartialReader.ReadPartAsync(long offsetBytes, IoVector buffers, int start, int lengthBytes) =>
        _file.ReadAsync(offsetBytes, buffers, start, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => _file.ReadAsync(offsetBytes, buffers, 0, buffers.LengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        if (_file.IsReadOnly)
        {
            return new(BlockStatus.ReadOnly);
        }

        var write = _file.WriteAsync(offsetBytes, buffers, 0, buffers.LengthBytes);
        return (options & WriteOptions.ForceUnitAccess) == 0 ? write : FlushAfterAsync(write);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() => _file.IsReadOnly ? new(BlockStatus.Ok) : _flush.RunAsync();

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) => new(_file.IsReadOnly ? BlockStatus.ReadOnly : BlockStatus.Ok);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        if (_file.IsReadOnly || lengthBytes == 0)
        {
            return new(_file.IsReadOnly ? BlockStatus.ReadOnly : BlockStatus.Ok);
        }

        // All storage of a fixed disk stays allocated.
        var status = _file.Zero(offsetBytes, lengthBytes);
        return status == BlockStatus.Ok && (options & WriteOptions.ForceUnitAccess) != 0 ? _flush.RunAsync() : new(status);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents)
    {
        var map = new VhdExtentMap(extents);
        map.AddFile(_file, offsetBytes, lengthBytes, offsetBytes);
        return new(BlockStatus.Ok);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapOwnExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) => MapExtentsAsync(offsetBytes, lengthBytes, extents);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Finishes or undoes a change of size that was interrupted: see <see cref="VhdFixedMaintenance"/>.</summary>
    internal static BlockStatus Repair(IImageFile file, VhdOpening opened)
    {
        var footer = opened.Footer;
        if (opened.NeedsRepair)
        {
            // The file had begun to grow; the footer is where it was.
            var status = file.SetLength(opened.FooterOffset + VhdFooter.LengthBytes);
            status = status == BlockStatus.Ok ? file.Flush() : status;
            if (status != BlockStatus.Ok)
            {
                return status;
            }
        }

        var other = footer.OriginalSizeBytes;
        if (other <= 0 || other >= footer.CurrentSizeBytes || other % VhdLimits.SectorBytes != 0)
        {
            return BlockStatus.Ok;
        }

        Span<byte> sector = stackalloc byte[VhdFooter.LengthBytes];
        var read = file.Read(other, sector);
        var isLeft = read == BlockStatus.Ok && VhdFooter.TryRead(sector) is { DiskType: VhdDiskType.Fixed } left
            && left.UniqueId == footer.UniqueId && left.CurrentSizeBytes == other;
        if (!isLeft)
        {
            return read;
        }

        sector.Clear();
        read = file.Write(other, sector);
        return read == BlockStatus.Ok ? file.Flush() : read;
    }

    private async ValueTask<BlockStatus> FlushAfterAsync(ValueTask<BlockStatus> write)
    {
        var status = await write.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await _flush.RunAsync().ConfigureAwait(false) : status;
    }
}
