using System.Runtime.InteropServices;

namespace Vireo.Platform.Files;

/// <summary>Ownership and kind of a name in the file system.</summary>
public static partial class FileOwner
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int DoNotFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const uint TypeAndMode = 0x3; // STATX_TYPE | STATX_MODE
    private const int KindMask = 0xF000; // S_IFMT
    private const int KindSocket = 0xC000; // S_IFSOCK

    /// <summary>Gives <paramref name="path"/> to a user and group.</summary>
    /// <exception cref="IOException">The system refused.</exception>
    public static void Set(string path, int userId, int groupId)
    {
        if (ChangeOwner(path, userId, groupId) != 0)
        {
            throw new IOException($"'{path}' could not be given to user {userId}: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <summary>Gives <paramref name="path"/> to the group <paramref name="group"/>; the owner stays.</summary>
    /// <exception cref="IOException">The system refused.</exception>
    public static void SetGroup(string path, int group)
    {
        if (ChangeOwner(path, -1, group) != 0)
        {
            throw new IOException($"'{path}' could not be given to group {group}: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <summary>Sets the permission bits of <paramref name="path"/>.</summary>
    /// <exception cref="IOException">The system refused.</exception>
    public static void SetMode(string path, int mode)
    {
        if (ChangeMode(path, mode) != 0)
        {
            throw new IOException($"The permissions of '{path}' could not be set: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    /// <summary>Whether <paramref name="path"/> names a Unix socket (symbolic links are not followed).</summary>
    public static unsafe bool IsSocket(string path)
    {
        // struct statx is 256 bytes (statx(2)); stx_mode is the 16-bit field at offset 28.
        Span<byte> status = stackalloc byte[256];
        fixed (byte* pointer = status)
        {
            // SAFETY: the kernel writes at most sizeof(struct statx) = 256 bytes to the pinned buffer.
            if (StatX(CurrentFolder, path, DoNotFollow, TypeAndMode, pointer) != 0)
            {
                return false;
            }
        }

        return (BitConverter.ToUInt16(status[28..]) & KindMask) == KindSocket;
    }

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, int owner, int group);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, int mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int folder, string path, int flags, uint mask, byte* status);
}
