using System.Runtime.InteropServices;

namespace Vireo.Platform.Files;

/// <summary>
/// Tells a file from another one that got its name later: its number in the file system, and when it was made where the file system says that (else
/// zeros). Both stay when the file is renamed.
/// </summary>
/// <param name="Number">Number of its inode.</param>
/// <param name="BirthSeconds">When it was made, in seconds since 1970.</param>
/// <param name="BirthNanoseconds">Nanoseconds of that.</param>
public readonly partial record struct FileIdentity(ulong Number, long BirthSeconds, uint BirthNanoseconds)
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int DoNotFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const uint NumberAndBirth = 0x100 | 0x800; // STATX_INO | STATX_BTIME

    /// <summary>The identity of what has a name now, a link itself; null when nothing has.</summary>
    public static unsafe FileIdentity? TryRead(string path)
    {
        // struct statx is 256 bytes (statx(2)); stx_mask is at offset 0, stx_ino at 32, stx_btime at 80.
        Span<byte> status = stackalloc byte[256];
        fixed (byte* pointer = status)
        {
            // SAFETY: the kernel writes at most sizeof(struct statx) = 256 bytes to the pinned buffer.
            if (StatX(CurrentFolder, path, DoNotFollow, NumberAndBirth, pointer) != 0)
            {
                return null;
            }
        }

        var hasBirth = (BitConverter.ToUInt32(status) & 0x800) != 0;
        return new(BitConverter.ToUInt64(status[32..]), hasBirth ? BitConverter.ToInt64(status[80..]) : 0, hasBirth ? BitConverter.ToUInt32(status[88..]) : 0);
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int folder, string path, int flags, uint mask, byte* status);
}
