using System.Runtime.InteropServices;

namespace Vireo.Platform.Files;

/// <summary>
/// Byte-range locks that belong to the open file, not to the process (open file description locks, fcntl(2)); they vanish with the
/// last descriptor, also after SIGKILL.
/// </summary>
public static unsafe partial class FileLock
{
    private const int SetLock = 37; // F_OFD_SETLK
    private const int GetLock = 36; // F_OFD_GETLK
    private const short ReadLock = 0; // F_RDLCK
    private const short WriteLock = 1; // F_WRLCK
    private const short Unlocked = 2; // F_UNLCK

    /// <summary>Locks the range without waiting; false when somebody else holds a lock that conflicts.</summary>
    /// <exception cref="IOException">The file system has no locks.</exception>
    public static bool TryLock(NativeFile file, bool exclusive, long startByte, long lengthBytes)
    {
        var range = new NativeLock { Type = exclusive ? WriteLock : ReadLock, Start = startByte, Length = lengthBytes };

        // SAFETY: range is a struct flock on the stack; the kernel only reads it.
        if (Control(file.Descriptor, SetLock, &range) == 0)
        {
            return true;
        }

        var error = Marshal.GetLastPInvokeError();
        return error is Errno.TryAgain or Errno.AccessDenied
            ? false
            : throw new IOException($"'{file.Path}' could not be locked: {Errno.Describe(error)}.");
    }

    /// <summary>Whether an exclusive (or shared) lock on the range would be granted; nothing is locked.</summary>
    public static bool WouldLock(NativeFile file, bool exclusive, long startByte, long lengthBytes)
    {
        var range = new NativeLock { Type = exclusive ? WriteLock : ReadLock, Start = startByte, Length = lengthBytes };

        // SAFETY: range is a struct flock on the stack, and the kernel writes the same struct back.
        return Control(file.Descriptor, GetLock, &range) == 0 && range.Type == Unlocked;
    }

    // fcntl is variadic; on Linux x86-64 and arm64 a pointer argument is passed the same way as in a fixed signature.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, NativeLock* range);

    // struct flock, fcntl(2), 64-bit.
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}
