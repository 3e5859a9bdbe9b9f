using System.Text;

namespace Vireo.Platform.Files;

/// <summary>A mounted file system, as this process sees it.</summary>
/// <param name="Path">Where it is mounted.</param>
/// <param name="Device">Major and minor number of what it stands on, <c>MAJOR:MINOR</c>.</param>
/// <param name="Kind">Kind of the file system: <c>ext4</c>, <c>fuse</c>.</param>
public sealed record MountedFileSystem(string Path, string Device, string Kind);

/// <summary>What is mounted: <c>/proc/self/mountinfo</c>, proc_pid_mountinfo(5).</summary>
public static class MountTable
{
    private const int DeviceField = 2;
    private const int PathField = 4;

    /// <summary>Everything that is mounted now.</summary>
    public static IReadOnlyList<MountedFileSystem> Read() => Parse(File.ReadLines("/proc/self/mountinfo"));

    /// <summary>Whether something is mounted at <paramref name="path"/>, which is absolute.</summary>
    public static bool IsMounted(string path) => Read().Any(mounted => string.Equals(mounted.Path, path, StringComparison.Ordinal));

    /// <summary>Reads the table's lines; one that is no entry is passed over.</summary>
    public static IReadOnlyList<MountedFileSystem> Parse(IEnumerable<string> lines)
    {
        List<MountedFileSystem> mounted = [];
        foreach (var line in lines)
        {
            var fields = line.Split(' ');
            var separator = Array.IndexOf(fields, "-", Math.Min(PathField, fields.Length));
            if (separator > 0 && separator + 1 < fields.Length)
            {
                mounted.Add(new MountedFileSystem(Unescape(fields[PathField]), fields[DeviceField], fields[separator + 1]));
            }
        }

        return mounted;
    }

    // Blanks, tabs, line ends and backslashes are written as a backslash and three octal digits, byte by byte.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                var digits = text.AsSpan(i + 1, 3);
                plain.Append((char)((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0')));
                i += 3;
            }
            else
            {
                plain.Append(text[i]);
            }
        }

        return plain.ToString();
    }
}
