using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vireo.Platform.Files;

/// <summary>
/// The kernel's own position in an open file, which counts when the descriptor is handed to another program. The runtime's streams keep
/// theirs apart and never move it.
/// </summary>
public static partial class FilePosition
{
    /// <summary>Moves it to <paramref name="offsetBytes"/> from the beginning.</summary>
    public static void Set(SafeFileHandle file, long offsetBytes)
    {
        if (Seek(file, offsetBytes, 0) != offsetBytes)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "The position in a file could not be set");
        }
    }

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int origin);
}
