using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Vireo.Platform.Memory;

/// <summary>A paging file that the kernel uses now.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Bytes">What it can hold.</param>
/// <param name="UsedBytes">What of it is in use.</param>
public sealed record ActivePagingFile(string Path, long Bytes, long UsedBytes);

/// <summary>
/// Files that the kernel moves memory to (swapon(2)): whole pages, the first of which describes the file. Takes CAP_SYS_ADMIN and a local file
/// system that can give the kernel the blocks of a file (ext4, XFS; not tmpfs, NFS or an overlay).
/// </summary>
public static partial class PagingFile
{
    /// <summary>Most characters of a label.</summary>
    public const int LabelLength = 16;

    private const string Active = "/proc/swaps";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // union swap_header (linux/swap.h): 1024 bytes for a boot loader, version, last page, number of bad pages, UUID, label; the page ends with the magic.
    private const int Version = 1024;
    private const int LastPage = 1028;
    private const int Uuid = 1036;
    private const int Label = 1052;
    private static readonly byte[] s_magic = "SWAPSPACE2"u8.ToArray();

    // SWAP_FLAG_PREFER and the highest priority: what is paged out while it is there belongs into it, not into the host's own swap space.
    private const int PreferHighest = 0x8000 | 0x7fff;

    /// <summary>Makes a file for <paramref name="bytes"/> of memory, in place of one that is left over; all of its room is taken at once.</summary>
    /// <param name="path">Where.</param>
    /// <param name="bytes">How much it is to hold.</param>
    /// <param name="label">At most <see cref="LabelLength"/> ASCII characters, for whoever finds it.</param>
    /// <exception cref="IOException">There is no room, or the folder refuses.</exception>
    public static void Create(string path, long bytes, string label)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(label?.Length ?? 0, LabelLength, nameof(label));
        var page = Environment.SystemPageSize;
        var pages = (bytes + page - 1) / page;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pages, uint.MaxValue - 1L, nameof(bytes));
        var header = new byte[page];
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(Version), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(LastPage), (uint)pages);
        Guid.NewGuid().TryWriteBytes(header.AsSpan(Uuid));
        Encoding.ASCII.GetBytes(label, header.AsSpan(Label, LabelLength));
        s_magic.CopyTo(header.AsSpan(page - s_magic.Length));

        File.Delete(path);
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = OwnerOnly,
            PreallocationSize = (pages + 1) * page,
        });
        file.SetLength((pages + 1) * page);
        file.Write(header);
        file.Flush(flushToDisk: true);
    }

    /// <summary>The label of a file; null when it is none of these.</summary>
    public static string? ReadLabel(string path)
    {
        var header = new byte[Environment.SystemPageSize];
        using var file = File.OpenRead(path);
        return file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length && header.AsSpan(header.Length - s_magic.Length).SequenceEqual(s_magic)
            ? Encoding.ASCII.GetString(header.AsSpan(Label, LabelLength)).TrimEnd('\0')
            : null;
    }

    /// <summary>Lets the kernel use a file, before any other.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static void TurnOn(string path)
    {
        if (SwapOn(path, PreferHighest) != 0)
        {
            throw SystemCall.Failed($"The kernel did not take '{path}' as a paging file");
        }
    }

    /// <summary>Brings back what is in a file, which may take long, and lets go of it.</summary>
    /// <exception cref="IOException">There is no memory for what is in it; the kernel goes on using it.</exception>
    public static void TurnOff(string path)
    {
        if (SwapOff(path) != 0)
        {
            throw SystemCall.Failed($"The kernel did not let go of the paging file '{path}'");
        }
    }

    /// <summary>Files and devices in use.</summary>
    public static IReadOnlyList<ActivePagingFile> List() => File.Exists(Active) ? Parse(File.ReadLines(Active)) : [];

    /// <summary>Reads lines like those of <c>/proc/swaps</c>: path, kind, size and use in KiB, priority. Blanks in a path are octal.</summary>
    public static IReadOnlyList<ActivePagingFile> Parse(IEnumerable<string> lines) =>
    [
        .. lines.Select(static line => line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            .Where(static words => words.Length >= 4 && words[0].StartsWith('/'))
            .Select(static words => new ActivePagingFile(Unescape(words[0]), Kilobytes(words[2]), Kilobytes(words[3]))),
    ];

    private static long Kilobytes(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number << 10 : 0;

    private static string Unescape(string text)
    {
        var bytes = new List<byte>();
        var encoded = Encoding.UTF8.GetBytes(text);
        for (var i = 0; i < encoded.Length; i++)
        {
            if (encoded[i] == '\\' && i + 3 < encoded.Length && encoded.AsSpan(i + 1, 3).IndexOfAnyExceptInRange((byte)'0', (byte)'7') < 0)
            {
                bytes.Add((byte)(((encoded[i + 1] - '0') << 6) | ((encoded[i + 2] - '0') << 3) | (encoded[i + 3] - '0')));
                i += 3;
            }
            else
            {
                bytes.Add(encoded[i]);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    [LibraryImport("libc", EntryPoint = "swapon", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SwapOn(string path, int flags);

    [LibraryImport("libc", EntryPoint = "swapoff", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SwapOff(string path);
}
