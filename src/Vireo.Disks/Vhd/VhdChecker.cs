using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Looks at every structure of a VHD file and tells what is wrong and what is there. Writes nothing.</summary>
public static class VhdChecker
{
    /// <summary>Checks <paramref name="file"/>, whatever it is.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ImageReport Check(IImageFile file, CancellationToken cancellationToken)
    {
        var report = new ImageReportBuilder();
        try
        {
            report.Line(0, $"VHD file '{file.Path}', {ImageReportBuilder.Size(file.LengthBytes)}");
            CheckFooters(file, report);
            Describe(file, VhdOpening.Read(file, acceptBadChecksums: false), report, cancellationToken);
        }
        catch (ImageException exception)
        {
            report.Add(exception);
        }

        return report.Build();
    }

    private static void CheckFooters(IImageFile file, ImageReportBuilder report)
    {
        var footers = VhdFooterPair.Read(file, acceptBadChecksums: false);
        var footer = footers.Footer;
        report.Line(1, $"Footer at {footers.FoundAt}: {footer.DiskType}, {ImageReportBuilder.Size(footer.CurrentSizeBytes)} ({footer.CurrentSizeBytes} bytes), id {footer.UniqueId:D}");
        var geometry = footer.Geometry;
        report.Line(2, $"Geometry of {geometry.Cylinders} cylinders, {geometry.Heads} heads, {geometry.SectorsPerTrack} sectors");
        if (!footers.IsEndValid)
        {
            report.Add(FindingSeverity.Warning, footers.EndOffset, "the footer at the end is missing or damaged; its copy is used, and opening for writing repairs it");
        }
        else if (footers.NeedsRepair)
        {
            report.Add(FindingSeverity.Warning, 0, "the footer's copy at the beginning is damaged or differs; opening for writing repairs it");
        }

        if (footer.IsSavedState)
        {
            report.Add(FindingSeverity.Information, footers.FoundAt, "the footer says that a machine which uses the disk is saved");
        }
    }

    private static void Describe(IImageFile file, VhdOpening opened, ImageReportBuilder report, CancellationToken cancellationToken)
    {
        if (opened.Header is not { } header || opened.Table is not { } table)
        {
            report.Line(1, $"Payload of {opened.Footer.CurrentSizeBytes} bytes from the beginning");
            return;
        }

        report.Line(1, $"Dynamic header at {opened.Footer.DataOffset}: blocks of {ImageReportBuilder.Size(header.BlockBytes)}");
        if (opened.Parent is { } parent)
        {
            report.Line(2, $"Parent {parent.Identity:D}");
            foreach (var path in parent.Paths)
            {
                report.Line(3, $"{path}");
            }

            if (parent.Paths.Count == 0)
            {
                report.Add(FindingSeverity.Error, opened.Footer.DataOffset, "the image says nowhere where its parent is");
            }
        }

        var bitmaps = new VhdBitmaps(file, opened.Footer.CurrentSizeBytes, (int)header.BlockBytes, table.BlockCount);
        var (present, partial) = (0L, 0L);
        for (var block = 0L; block < table.BlockCount; block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var place = table.PlaceOf(block);
            if (place < 0)
            {
                continue;
            }

            present++;
            var sectors = (int)Math.Min(header.BlockBytes / VhdLimits.SectorBytes, (opened.Footer.CurrentSizeBytes - (block * header.BlockBytes)) / VhdLimits.SectorBytes);
            var status = bitmaps.Measure(block, place, 0, Math.Max(sectors, 1), out var run, out var isHere);
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(file.Path, "read", status);
            }

            partial += isHere && run >= sectors ? 0 : 1;
        }

        var (fragmentation, misalignment) = VhdPlacement.Measure(table, bitmaps.BitmapBytes, (int)header.BlockBytes);
        report.Line(1, $"Block table at {table.Offset}: {present} of {table.BlockCount} blocks are allocated, {partial} of them in part, {fragmentation} % out of order");
        report.Line(1, $"Data end at {opened.EndBytes}");
        if (misalignment != 0)
        {
            report.Add(FindingSeverity.Information, null, $"payload is not aligned to 4 KB: the first block that is not is off by {misalignment} bytes");
        }
    }
}
