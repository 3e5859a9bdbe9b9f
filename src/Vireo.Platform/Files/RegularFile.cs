using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vireo.Platform.Files;

/// <summary>
/// Reads files that a name from elsewhere leads to. The name may be a pipe, which would keep whoever opens it waiting for its other end, or a device, which
/// never ends: only a regular file is read, and no more of it than is allowed. Links are followed; see <see cref="UntrustedFile"/> for where they must not be.
/// </summary>
public static partial class RegularFile
{
    private const int DoNotWait = 0x800; // O_NONBLOCK
    private const int CloseOnExec = 0x80000; // O_CLOEXEC

    /// <summary>The whole content.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maximumBytes">Longer ones are refused.</param>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    /// <exception cref="IOException">It is no regular file, is longer, or cannot be read.</exception>
    public static byte[] ReadAllBytes(string path, long maximumBytes)
    {
        var descriptor = Open(path, DoNotWait | CloseOnExec, 0);
        if (descriptor < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            throw error switch
            {
                Errno.NoEntry or Errno.NotFolder => new FileNotFoundException($"'{path}' does not exist.", path),
                Errno.AccessDenied => new UnauthorizedAccessException($"'{path}' may not be read."),
                _ => new IOException($"'{path}' cannot be opened: {Errno.Describe(error)}."),
            };
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (!UntrustedFile.IsRegular(descriptor))
        {
            throw new IOException($"'{path}' is no regular file.");
        }

        var length = RandomAccess.GetLength(handle);
        if (length > maximumBytes)
        {
            throw new IOException($"'{path}' has {length} bytes, more than the {maximumBytes} that are read of such a file.");
        }

        var content = new byte[length];
        var filled = 0;
        while (filled < content.Length && RandomAccess.Read(handle, content.AsSpan(filled), filled) is > 0 and var count)
        {
            filled += count;
        }

        return filled == content.Length ? content : content[..filled];
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);
}
