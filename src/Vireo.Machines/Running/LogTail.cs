using System.Text;
using Vireo.Platform.Files;

namespace Vireo.Machines.Running;

/// <summary>
/// Reads the end of a log that a guest or QEMU writes, and keeps such logs from growing for ever. QEMU may make any name in its run folder:
/// what is not a plain file is not read, and not cut.
/// </summary>
internal static class LogTail
{
    /// <summary>A log longer than this is cut.</summary>
    public const int MaximumBytes = 1 << 20;

    private const int KeptBytes = 64 << 10;
    private const int MaximumLineCharacters = 500;

    /// <summary>The last lines, oldest first, without control characters that could drive a terminal; empty when there is no log.</summary>
    public static IReadOnlyList<string> Read(string path, int lines)
    {
        var text = Encoding.UTF8.GetString([.. ReadEnd(Kept(path)), .. ReadEnd(path)]);
        var clean = new StringBuilder(text.Length);
        var escape = false;
        foreach (var character in text)
        {
            if (escape)
            {
                // ECMA-48: a control sequence ends with a character from @ to ~, after an opening bracket.
                escape = character is '[' or (>= ' ' and < '@');
            }
            else if (character == '\x1B')
            {
                escape = true;
            }
            else if (character == '\n' || !char.IsControl(character))
            {
                clean.Append(character);
            }
        }

        return
        [
            .. clean.ToString().Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0)
                .Select(line => line.Length > MaximumLineCharacters ? line[..MaximumLineCharacters] : line).TakeLast(lines),
        ];
    }

    /// <summary>Cuts a log that has become too long; its end stays readable. What is written in that instant may be lost.</summary>
    public static void Trim(string path)
    {
        // Nearly every time there is nothing to do, and that is cheaper to see than to open the file. What the name stands for is looked at when it is open.
        var look = new FileInfo(path);
        if (!look.Exists || look.Length <= MaximumBytes)
        {
            return;
        }

        using var stream = UntrustedFile.TryOpen(path, writable: true);
        if (stream?.Length > MaximumBytes && UntrustedFile.TryReplace(Kept(path), ReadEnd(stream)))
        {
            stream.SetLength(0);
        }
    }

    /// <summary>Deletes the log.</summary>
    public static void Delete(string path)
    {
        File.Delete(path);
        File.Delete(Kept(path));
    }

    private static string Kept(string path) => $"{path}.old";

    private static byte[] ReadEnd(string path)
    {
        using var stream = UntrustedFile.TryOpen(path);
        return stream is null ? [] : ReadEnd(stream);
    }

    private static byte[] ReadEnd(FileStream stream)
    {
        stream.Seek(Math.Max(0, stream.Length - KeptBytes), SeekOrigin.Begin);
        using var end = new MemoryStream();
        var buffer = new byte[8192];
        while (end.Length < KeptBytes && stream.Read(buffer) is > 0 and var read)
        {
            end.Write(buffer, 0, read);
        }

        return end.ToArray();
    }
}
