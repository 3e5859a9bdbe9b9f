using Vireo.Commands.Services;
using Vireo.Control.Storage;

namespace Vireo.Host.Transfers.Checks;

/// <summary>What holds for every image of a hard disk that comes with an import, a drive's or a checkpoint's.</summary>
internal static class DiskRules
{
    /// <summary>What is wrong with where an image is, or with its name; null is nothing.</summary>
    public static (IncompatibilityKind Kind, string Message)? PlaceProblem(ImportFacts facts, string path)
    {
        if (path.StartsWith(@"\\.\", StringComparison.Ordinal) || path.Contains("PhysicalDrive", StringComparison.OrdinalIgnoreCase) || IsDevice(path) || IsDevice(facts.RealPath(path)))
        {
            return (IncompatibilityKind.PassthroughDiskMissing, $"The drive '{path}' was a physical disk of the source's host.");
        }

        return Path.GetExtension(path).ToUpperInvariant() is ".VHDX" or ".AVHDX" or ".VHD" or ".AVHD" || !facts.FileExists(path)
            ? null
            : (IncompatibilityKind.DiskFormatUnsupported, $"The disk '{path}' is neither VHDX nor VHD.");
    }

    /// <summary>What is wrong with an image's format; null is nothing.</summary>
    public static (IncompatibilityKind Kind, string Message)? FormatProblem(ImageInfo info) =>
        info.Format == (Path.GetExtension(info.Path).ToUpperInvariant() is ".VHDX" or ".AVHDX" ? ImageFormat.Vhdx : ImageFormat.Vhd)
            ? null
            : (IncompatibilityKind.DiskFormatUnsupported, $"The disk '{info.Path}' is not what its name says: it holds {info.Format}.");

    private static bool IsDevice(string path) => path.StartsWith("/dev/", StringComparison.Ordinal);
}
