using Vireo.Disks;
using Vireo.Disks.Operations;

namespace Vireo.Storage.Plane;

/// <summary>Prints what an image file is made of and what is wrong with it: <c>vireo-storage check IMAGE</c>.</summary>
internal static class DiskCheck
{
    /// <summary>Prints; 0 when the disk and its parents are sound, 1 when not.</summary>
    /// <exception cref="ImageException">The file is not there, or a program writes to it.</exception>
    public static int Run(string path, TextWriter output)
    {
        var reports = ImageCheck.Run(path, null, CancellationToken.None);
        foreach (var report in reports)
        {
            foreach (var line in report.Structure)
            {
                output.WriteLine(line);
            }

            foreach (var finding in report.Findings)
            {
                output.WriteLine($"{finding.Severity}{(finding.OffsetBytes is { } offset ? $" at {offset}" : string.Empty)}: {finding.Message}.");
            }
        }

        var isSound = reports.All(static report => report.IsSound);
        output.WriteLine(isSound ? "The disk is sound." : "The disk is damaged or incomplete.");
        return isSound ? 0 : 1;
    }
}
