using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vireo.Platform.Files;

/// <summary>
/// Opens files in folders where somebody else may make names. A name there may be anything: a link to a file that only we may read, a pipe
/// that never answers, a second name of another file. Whatever is not a regular file of that one name is not opened.
/// </summary>
public static partial class UntrustedFile
{
    private const int ReadWrite = 2; // O_RDWR
    private const int DoNotFollow = 0x20000; // O_NOFOLLOW
    private const int DoNotWait = 0x800; // O_NONBLOCK: opening a pipe would wait for its other end
    private const int CloseOnExec = 0x80000; // O_CLOEXEC
    private const int Create = 0x40; // O_CREAT
    private const int Exclusive = 0x80; // O_EXCL, which follows no link
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH
    private const uint TypeAndLinks = 0x1 | 0x4; // STATX_TYPE | STATX_NLINK
    private const int KindMask = 0xF000; // S_IFMT
    private const int KindRegular = 0x8000; // S_IFREG

    /// <summary>Opens a file; null when there is none, or something that is not to be touched.</summary>
    public static FileStream? TryOpen(string path, bool writable = false)
    {
        var descriptor = Open(path, (writable ? ReadWrite : 0) | DoNotFollow | DoNotWait | CloseOnExec, 0);
        if (descriptor < 0)
        {
            return null;
        }

        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (!IsPlain(descriptor))
        {
            handle.Dispose();
            return null;
        }

        return new FileStream(handle, writable ? FileAccess.ReadWrite : FileAccess.Read, bufferSize: 0);
    }

    /// <summary>Replaces whatever has the name by a new file with <paramref name="content"/>; false when somebody keeps the name from us.</summary>
    public static bool TryReplace(string path, ReadOnlySpan<byte> content)
    {
        File.Delete(path);
        var descriptor = Open(path, ReadWrite | Create | Exclusive | DoNotFollow | CloseOnExec, 0x180); // octal 0600
        if (descriptor < 0)
        {
            return false;
        }

        using var stream = new FileStream(new SafeFileHandle(descriptor, ownsHandle: true), FileAccess.Write, bufferSize: 0);
        stream.Write(content);
        return true;
    }

    /// <summary>Whether an open file is a regular one.</summary>
    internal static bool IsRegular(int descriptor) => TypeOf(descriptor) is { Kind: KindRegular };

    private static bool IsPlain(int descriptor) => TypeOf(descriptor) is { Kind: KindRegular, Links: 1 };

    private static unsafe (int Kind, uint Links)? TypeOf(int descriptor)
    {
        // struct statx is 256 bytes (statx(2)); stx_nlink is the 32-bit field at offset 16, stx_mode the 16-bit field at offset 28.
        Span<byte> status = stackalloc byte[256];
        fixed (byte* pointer = status)
        {
            // SAFETY: the kernel writes at most sizeof(struct statx) = 256 bytes to the pinned buffer.
            if (StatX(descriptor, "", EmptyPath, TypeAndLinks, pointer) != 0)
            {
                return null;
            }
        }

        return (BitConverter.ToUInt16(status[28..]) & KindMask, BitConverter.ToUInt32(status[16..]));
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int folder, string path, int flags, uint mask, byte* status);
}
