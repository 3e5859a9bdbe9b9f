using Vireo.Disks.Files;
using Vireo.Disks.Vhd;
using Vireo.Disks.Vhdx;

namespace Vireo.Disks.Operations;

/// <summary>Checks image files of any format, structure by structure; nothing is written.</summary>
public static class ImageCheck
{
    /// <summary>Checks one file, and those of its parents; the first report is the file's own.</summary>
    /// <param name="path">The image; programs that only read it may have it open.</param>
    /// <param name="search">Where parents are.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ImageException">The file is not there, or a program writes to it.</exception>
    public static IReadOnlyList<ImageReport> Run(string path, ParentSearch? search, CancellationToken cancellationToken)
    {
        List<ImageReport> reports = [];
        HashSet<string> seen = [];
        for (string? next = path; next is not null && seen.Add(ImageFiles.Key(next)) && seen.Count <= ImageChain.MaximumDepth;)
        {
            reports.Add(CheckFile(next, cancellationToken));
            if (!reports[^1].IsSound)
            {
                break;
            }

            next = FindParent(next, search, reports);
        }

        return reports;
    }

    private static ImageReport CheckFile(string path, CancellationToken cancellationToken)
    {
        using var file = ImageFiles.Open(path, readOnly: true);
        switch (ImageFile.FormatByName(path) ?? ImageFile.Sniff(file))
        {
            case DiskFormat.Vhdx:
                return VhdxChecker.Check(file, cancellationToken);
            case DiskFormat.Vhd:
                return VhdChecker.Check(file, cancellationToken);
            default:
                var report = new ImageReportBuilder();
                report.Line(0, $"Raw image '{path}', {ImageReportBuilder.Size(file.LengthBytes)}");
                return report.Build();
        }
    }

    private static string? FindParent(string path, ParentSearch? search, List<ImageReport> reports)
    {
        var image = ImageFile.OpenAlone(path, new ImageOpenOptions(ReadOnly: true));
        try
        {
            if (image.ParentReference is not { } reference)
            {
                return null;
            }

            var parent = ImageChain.FindParent(image, search);
            var report = new ImageReportBuilder();
            if (parent is null)
            {
                report.Add(FindingSeverity.Error, null, $"the parent of '{path}' is missing: {string.Join(", ", reference.Paths.Select(static name => $"'{name}'"))}");
                reports.Add(report.Build());
                return null;
            }

            // Completing the chain tells what else is wrong with it: another identity, a loop.
            try
            {
                image = ImageChain.Complete(image, new ImageOpenOptions(ReadOnly: true, Parents: search));
            }
            catch (ImageException exception)
            {
                report.Add(exception);
                reports.Add(report.Build());
            }

            return parent;
        }
        finally
        {
            image.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }
}
