using Vireo.Disks.Files;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Vhd;

/// <summary>
/// Changes to a fixed VHD as a whole. There is one footer and no log, so a change of size goes over a file with two footers: the new one says
/// in its original size where the old one is, and is believed from the moment the file ends with it; opening for writing finishes what was cut.
/// </summary>
internal sealed class VhdFixedMaintenance(IImageFile file, VhdFixedImage image) : IImageMaintenance
{
    private const long MostScannedBytes = 4L << 30;

    /// <inheritdoc/>
    public long MinimumSizeBytes
    {
        get
        {
            var (offset, last) = (0L, 0L);
            while (offset < image.Geometry.SizeBytes)
            {
                var run = file.MeasureRun(offset, image.Geometry.SizeBytes - offset, out var isHole);
                offset += run;
                last = isHole ? last : offset;
            }

            return Math.Max(VhdLimits.MinimumSizeBytes, EndOfData(last));
        }
    }

    /// <inheritdoc/>
    public Task ResizeAsync(long sizeBytes, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        VhdSizes.Check(image.Path, sizeBytes, image.Geometry.SizeBytes, () => MinimumSizeBytes);
        cancellationToken.ThrowIfCancellationRequested();
        var before = image.Footer;
        if (sizeBytes == before.CurrentSizeBytes)
        {
            return Task.CompletedTask;
        }

        var after = before.Resized(sizeBytes);
        if (sizeBytes > before.CurrentSizeBytes)
        {
            Require(file.SetLength(sizeBytes + VhdFooter.LengthBytes));
            Write(sizeBytes, after with { OriginalSizeBytes = before.CurrentSizeBytes });
            CrashPoint.Hit("vhd.fixed.grown");
            Require(file.Write(before.CurrentSizeBytes, new byte[VhdFooter.LengthBytes]));
            Require(file.Flush());
            Require(file.Reserve(0, sizeBytes + VhdFooter.LengthBytes));
        }
        else
        {
            Write(before.CurrentSizeBytes, before with { OriginalSizeBytes = sizeBytes });
            Write(sizeBytes, after);
            CrashPoint.Hit("vhd.fixed.shrinking");
            Require(file.SetLength(sizeBytes + VhdFooter.LengthBytes));
            Require(file.Flush());
        }

        Write(sizeBytes, after);
        image.Footer = after;
        progress?.Report(new CopyProgress(sizeBytes, sizeBytes));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<Operations.CopyResult> CompactAsync(CompactMode mode, IProgress<CopyProgress>? progress, CancellationToken cancellationToken) =>
        throw new ImageException(ImageErrorKind.Unsupported, image.Path, $"The image '{image.Path}' is a fixed disk; there is nothing to compact.");

    /// <inheritdoc/>
    public void SetParentReference(ParentReference parent) =>
        throw new ImageException(ImageErrorKind.Unsupported, image.Path, $"The image '{image.Path}' is a fixed disk and has no parent.");

    /// <inheritdoc/>
    public void SetPhysicalSectorBytes(int physicalSectorBytes) => throw VhdSizes.NoSectorSize(image.Path);

    /// <inheritdoc/>
    public void SetDiskId(Guid diskId)
    {
        var footer = image.Footer with { UniqueId = diskId };
        Write(footer.CurrentSizeBytes, footer);
        image.Footer = footer;
    }

    // Storage that is reserved may count as data although nothing was written to it.
    private long EndOfData(long end)
    {
        var piece = new byte[1 << 20];
        for (var scanned = 0L; end > 0 && scanned < MostScannedBytes; scanned += piece.Length)
        {
            var start = Math.Max(0, end - piece.Length);
            var bytes = piece.AsSpan(0, (int)(end - start));
            Require(file.Read(start, bytes));
            var last = bytes.LastIndexOfAnyExcept((byte)0);
            if (last >= 0)
            {
                return VhdLimits.RoundUp(start + last + 1, VhdLimits.SectorBytes);
            }

            end = start;
        }

        return end;
    }

    private void Write(long offset, VhdFooter footer)
    {
        Require(file.Write(offset, footer.ToBytes()));
        Require(file.Flush());
    }

    private void Require(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(image.Path, "change", status);
        }
    }
}
