using System.Runtime.InteropServices;

namespace Vireo.Platform.Files;

/// <summary>How large a file is, and how much of it is really there. Both in bytes.</summary>
/// <param name="Size">Its size.</param>
/// <param name="Allocated">What it takes: less than its size where it has holes.</param>
public readonly partial record struct FileRoom(long Size, long Allocated)
{
    private const int CurrentFolder = -100; // AT_FDCWD
    private const uint SizeAndBlocks = 0x600; // STATX_SIZE | STATX_BLOCKS
    private const int BlockSize = 512;

    /// <summary>Looks at a file, or what a symbolic link leads to; null when it is not there, or not ours to see.</summary>
    public static unsafe FileRoom? Of(string path)
    {
        // struct statx is 256 bytes (statx(2)); stx_size is at offset 40, stx_blocks at 48.
        Span<byte> status = stackalloc byte[256];
        fixed (byte* pointer = status)
        {
            // SAFETY: the kernel writes at most sizeof(struct statx) = 256 bytes to the pinned buffer.
            return StatX(CurrentFolder, path, 0, SizeAndBlocks, pointer) == 0
                ? new FileRoom(BitConverter.ToInt64(status[40..]), BitConverter.ToInt64(status[48..]) * BlockSize)
                : null;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int folder, string path, int flags, uint mask, byte* status);
}
