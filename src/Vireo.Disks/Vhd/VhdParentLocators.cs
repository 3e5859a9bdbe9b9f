using System.Text;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhd;

/// <summary>Where a differencing disk's parent is: up to eight paths, each in a form of its own. [VHD] Dynamic Disk Header Format, Platform Code.</summary>
internal static class VhdParentLocators
{
    /// <summary>"W2ru": a path relative to the child, UTF-16 little-endian, with backslashes.</summary>
    public const uint RelativeWindows = 0x57327275;

    /// <summary>"W2ku": an absolute path, UTF-16 little-endian.</summary>
    public const uint AbsoluteWindows = 0x57326B75;

    /// <summary>"MacX": a file URL, UTF-8.</summary>
    public const uint FileUrl = 0x4D616358;

    private const int MaximumBytes = 64 << 10;

    /// <summary>Reads the paths, relative ones first. An entry that cannot be read is an error that names it.</summary>
    /// <exception cref="ImageException">An entry lies outside the file, or is longer than a path can be.</exception>
    public static List<string> Read(IImageFile file, VhdDynamicHeader header, long headerOffset)
    {
        List<string> relative = [];
        List<string> absolute = [];
        for (var i = 0; i < header.Locators.Count; i++)
        {
            var entry = header.Locators[i];
            if (entry.Code is not (RelativeWindows or AbsoluteWindows or FileUrl) || entry.LengthBytes == 0)
            {
                continue;
            }

            if (entry.LengthBytes is < 0 or > MaximumBytes || entry.Offset < 0 || entry.Offset > file.LengthBytes - entry.LengthBytes)
            {
                throw ImageException.Corrupt(
                    file.Path, headerOffset, $"parent locator {i} ({entry.LengthBytes} bytes at {entry.Offset}) lies outside the file of {file.LengthBytes} bytes");
            }

            var bytes = new byte[entry.LengthBytes];
            var status = file.Read(entry.Offset, bytes);
            if (status != BlockStatus.Ok)
            {
                throw ImageException.Failed(file.Path, "read", status);
            }

            var path = (entry.Code == FileUrl ? Encoding.UTF8 : Encoding.Unicode).GetString(bytes).TrimEnd('\0');
            if (entry.Code == FileUrl && Uri.TryCreate(path, UriKind.Absolute, out var url) && url.IsFile)
            {
                path = url.LocalPath;
            }

            if (path.Length > 0)
            {
                (entry.Code == RelativeWindows ? relative : absolute).Add(path);
            }
        }

        if (header.ParentName.Length > 0)
        {
            absolute.Add(header.ParentName);
        }

        return [.. relative.Concat(absolute).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>
    /// Lays out locators for <paramref name="paths"/> from <paramref name="offset"/> on: the bytes to write there, and the header's entries.
    /// </summary>
    public static (byte[] Bytes, VhdLocatorEntry[] Entries) Lay(IReadOnlyList<string> paths, long offset)
    {
        var entries = new VhdLocatorEntry[VhdDynamicHeader.LocatorCount];
        using var bytes = new MemoryStream();
        var count = 0;
        foreach (var path in paths)
        {
            if (count == entries.Length)
            {
                break;
            }

            var isAbsolute = ParentPath.IsAbsolute(path);
            var text = Encoding.Unicode.GetBytes(isAbsolute ? path : ParentPath.ToWindows(path));
            var space = (int)VhdLimits.RoundUp(text.Length, VhdLimits.SectorBytes);
            entries[count++] = new VhdLocatorEntry(isAbsolute ? AbsoluteWindows : RelativeWindows, (uint)space, text.Length, offset + bytes.Length);
            bytes.Write(text);
            bytes.SetLength(VhdLimits.RoundUp(bytes.Length, VhdLimits.SectorBytes));
            bytes.Position = bytes.Length;
        }

        return (bytes.ToArray(), entries);
    }
}
