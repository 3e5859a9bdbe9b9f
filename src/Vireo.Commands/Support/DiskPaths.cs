using Vireo.Control.Storage;

namespace Vireo.Commands.Support;

/// <summary>Rules about the paths and sizes of disk images.</summary>
public static class DiskPaths
{
    private const long MaximumVhdxBytes = 64L << 40;
    private const long MaximumVhdBytes = 2040L << 30;
    private const long MinimumBytes = 3L << 20;

    /// <summary>Format by the file's extension, as the original decides.</summary>
    public static ImageFormat FormatOf(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".VHDX" or ".AVHDX" => ImageFormat.Vhdx,
        ".VHD" or ".AVHD" => ImageFormat.Vhd,
        _ => throw Errors.Invalid($"The path '{path}' does not end in .vhdx or .vhd, so the format of the disk is not known.", path),
    };

    /// <summary>A size that a disk of that format can have.</summary>
    public static long Size(ulong sizeBytes, ImageFormat format, string parameter)
    {
        var maximum = format == ImageFormat.Vhd ? MaximumVhdBytes : MaximumVhdxBytes;
        if (sizeBytes < (ulong)MinimumBytes || sizeBytes > (ulong)maximum)
        {
            throw Errors.Invalid(
                $"-{parameter} is {sizeBytes} bytes; a {(format == ImageFormat.Vhd ? "VHD" : "VHDX")} holds from {MinimumBytes >> 20} MB to {maximum >> 30} GB.", parameter);
        }

        if (sizeBytes % 512 != 0)
        {
            throw Errors.Invalid($"-{parameter} is {sizeBytes} bytes, which is not a multiple of 512.", parameter);
        }

        return (long)sizeBytes;
    }

    /// <summary>A folder or file name made of a machine's name.</summary>
    public static string SafeName(string name)
    {
        var safe = new string([.. name.Select(character => character is '/' or '\\' or '\0' || char.IsControl(character) ? '_' : character)]).Trim();
        return safe is "" or "." or ".." ? "_" : safe.Length > 120 ? safe[..120] : safe;
    }
}
