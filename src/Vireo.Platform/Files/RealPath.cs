using System.Runtime.InteropServices;
using System.Text;

namespace Vireo.Platform.Files;

/// <summary>Where a path leads when every symbolic link on its way is followed, as realpath(3) does.</summary>
public static partial class RealPath
{
    private const int MaximumBytes = 4096; // PATH_MAX

    /// <summary>The path of the file or folder itself; of what is not there, or cannot be reached, the full path as it is written; what is no path stays what it is.</summary>
    public static unsafe string Of(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            return path;
        }

        var full = Path.GetFullPath(path);
        Span<byte> found = stackalloc byte[MaximumBytes];
        fixed (byte* pointer = found)
        {
            // SAFETY: the library writes at most PATH_MAX bytes, the zero at the end among them, to the pinned buffer.
            if (Resolve(full, pointer) == null)
            {
                return full;
            }
        }

        return Encoding.UTF8.GetString(found[..found.IndexOf((byte)0)]);
    }

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial byte* Resolve(string path, byte* resolved);
}
