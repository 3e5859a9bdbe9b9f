using System.Text;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Looks at every structure of a VHDX file, as it is after its log is replayed, and tells what is wrong and what is there. Writes nothing.
/// Takes memory for one bit a megabyte of the file, and the time to read the block table and the sector bitmaps once.
/// </summary>
public static class VhdxChecker
{
    /// <summary>Checks <paramref name="file"/>, whatever it is.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ImageReport Check(IImageFile file, CancellationToken cancellationToken)
    {
        var report = new ImageReportBuilder();
        try
        {
            Check(file, report, cancellationToken);
        }
        catch (ImageException exception)
        {
            report.Add(exception);
        }

        return report.Build();
    }

    private static void Check(IImageFile file, ImageReportBuilder report, CancellationToken cancellationToken)
    {
        report.Line(0, $"VHDX file '{file.Path}', {ImageReportBuilder.Size(file.LengthBytes)}");
        CheckIdentifier(file, report);
        CheckHeaders(file, report);
        var headers = VhdxHeaderPair.Read(file);
        var view = CheckLog(file, headers.Current, report);
        CheckRegionTables(view, report);
        var regions = VhdxRegions.Read(view);
        foreach (var region in regions.All)
        {
            var name = region.Id == regions.BlockTable.Id ? "block allocation table" : region.Id == regions.Metadata.Id ? "metadata" : region.Id.ToString();
            report.Line(1, $"Region {name} at {region.OffsetBytes}+{region.LengthBytes}{(region.IsRequired ? ", required" : "")}");
        }

        VhdxMetadataCheck.Run(view, regions.Metadata, report);
        var metadata = VhdxMetadata.Read(view, regions.Metadata);
        Describe(metadata, report);
        new VhdxTableCheck(view, headers.Current, regions, metadata, report, cancellationToken).Run();

        // Whatever else keeps the file from being opened.
        VhdxOpening.Read(file);
    }

    private static void CheckIdentifier(IImageFile file, ImageReportBuilder report)
    {
        var identifier = new byte[VhdxFileIdentifier.LengthBytes];
        Require(file, file.Read(VhdxLimits.FileIdentifierOffset, identifier));
        if (!identifier.AsSpan().StartsWith(VhdxFileIdentifier.Signature))
        {
            throw ImageException.Corrupt(file.Path, VhdxLimits.FileIdentifierOffset, "the file does not begin with 'vhdxfile'");
        }

        var creator = Encoding.Unicode.GetString(identifier, VhdxFileIdentifier.Signature.Length, VhdxFileIdentifier.LengthBytes - VhdxFileIdentifier.Signature.Length);
        var end = creator.IndexOf('\0', StringComparison.Ordinal);
        report.Line(1, $"Made by '{string.Concat((end < 0 ? creator : creator[..end]).Where(static letter => !char.IsControl(letter)))}'");
        if (file.LengthBytes % VhdxLimits.Megabyte != 0)
        {
            report.Add(FindingSeverity.Information, file.LengthBytes, "the file does not end at a whole megabyte");
        }
    }

    private static void CheckHeaders(IImageFile file, ImageReportBuilder report)
    {
        var bytes = new byte[VhdxHeader.LengthBytes];
        VhdxHeader? first = null;
        foreach (var (number, offset) in (ReadOnlySpan<(int, long)>)[(1, VhdxLimits.FirstHeaderOffset), (2, VhdxLimits.SecondHeaderOffset)])
        {
            Require(file, file.Read(offset, bytes));
            if (VhdxHeader.TryRead(bytes) is not { } header)
            {
                report.Line(1, $"Header {number} at {offset}: not valid");
                report.Add(FindingSeverity.Warning, offset, $"header {number} has no valid signature and checksum; the file relies on the other one");
                continue;
            }

            report.Line(1, $"Header {number} at {offset}: sequence {header.SequenceNumber}, data write id {header.DataWriteId}, {(header.LogId == Guid.Empty ? "clean" : "log to be replayed")}");
            if (first is not null && header with { SequenceNumber = 0 } != first with { SequenceNumber = 0 })
            {
                report.Add(FindingSeverity.Information, offset, "the two headers do not say the same, as after an update that was cut short; the newer one counts");
            }

            first = header;
        }
    }

    private static IImageFile CheckLog(IImageFile file, VhdxHeader header, ImageReportBuilder report)
    {
        report.Line(1, $"Log at {header.LogOffsetBytes}+{header.LogLengthBytes}");
        if ((long)header.LogOffsetBytes + header.LogLengthBytes > file.LengthBytes)
        {
            throw ImageException.Corrupt(file.Path, (long)header.LogOffsetBytes, $"the log ends behind the end of the file ({file.LengthBytes}): the file is truncated");
        }

        if (header.LogId == Guid.Empty)
        {
            return file;
        }

        var replay = VhdxLogReader.Read(file, header);
        report.Line(2, $"{replay.PageCount} pages and {replay.ZeroRunCount} runs of zeros wait to be replayed");
        report.Add(
            FindingSeverity.Information, (long)header.LogOffsetBytes, "the log has changes that wait to be replayed: the image is open, or was not closed; what follows is as after the replay");
        return new VhdxReplayedFile(file, replay);
    }

    private static void CheckRegionTables(IImageFile file, ImageReportBuilder report)
    {
        var first = new byte[VhdxRegionTable.LengthBytes];
        var second = new byte[VhdxRegionTable.LengthBytes];
        Require(file, file.Read(VhdxLimits.FirstRegionTableOffset, first));
        Require(file, file.Read(VhdxLimits.SecondRegionTableOffset, second));
        var (isFirst, isSecond) = (VhdxRegionTable.IsValid(first), VhdxRegionTable.IsValid(second));
        if (isFirst != isSecond)
        {
            report.Add(
                FindingSeverity.Warning,
                isFirst ? VhdxLimits.SecondRegionTableOffset : VhdxLimits.FirstRegionTableOffset,
                $"the {(isFirst ? "second" : "first")} region table has no valid signature and checksum; the file relies on the other one");
        }
        else if (isFirst && !first.AsSpan().SequenceEqual(second))
        {
            report.Add(FindingSeverity.Warning, VhdxLimits.SecondRegionTableOffset, "the two region tables do not say the same; the first one counts");
        }
    }

    private static void Describe(VhdxMetadata metadata, ImageReportBuilder report)
    {
        var kind = metadata.Parent is not null ? "differencing" : metadata.LeaveBlocksAllocated ? "fixed" : "dynamic";
        var geometry = metadata.Geometry;
        report.Line(
            1,
            $"Virtual disk: {kind}, {ImageReportBuilder.Size(geometry.SizeBytes)} ({geometry.SizeBytes} bytes) in blocks of {ImageReportBuilder.Size(metadata.BlockSizeBytes)}, sectors of {geometry.LogicalSectorBytes} (physical {geometry.PhysicalSectorBytes}), id {metadata.DiskId}");
        foreach (var (key, value) in metadata.Parent?.Entries ?? new Dictionary<string, string>())
        {
            report.Line(2, $"Parent {key}: {string.Concat(value.Where(static letter => !char.IsControl(letter)))}");
        }
    }

    private static void Require(IImageFile file, BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(file.Path, "read", status);
        }
    }
}
