using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vireo.Platform.Memory;

namespace Vireo.Platform.Files;

/// <summary>
/// An open file or block device, addressed by offset. The data calls return what the system says: a count, or the negated error number
/// (see <see cref="Errno"/>); nothing is thrown and nothing is allocated. Safe to use from several threads at once.
/// </summary>
public sealed unsafe partial class NativeFile : IDisposable
{
    /// <summary>Segments that one call passes on; a longer vector takes several calls.</summary>
    public const int MaximumSegments = 256;

    private const int FlagReadOnly = 0; // O_RDONLY
    private const int FlagReadWrite = 2; // O_RDWR
    private const int FlagCreate = 0x40; // O_CREAT
    private const int FlagExclusive = 0x80; // O_EXCL
    private const int FlagCloseOnExec = 0x80000; // O_CLOEXEC
    private static readonly int s_flagDirect = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000; // O_DIRECT
    private const int FlagTemporary = 0x410000; // O_TMPFILE, which includes O_DIRECTORY
    private const int CurrentFolder = -100; // AT_FDCWD
    private const int FollowLink = 0x400; // AT_SYMLINK_FOLLOW
    private const int SeekEnd = 2;
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int KeepSize = 1; // FALLOC_FL_KEEP_SIZE
    private const int PunchHole = 2; // FALLOC_FL_PUNCH_HOLE
    private const int ZeroRange = 16; // FALLOC_FL_ZERO_RANGE
    private const int NoWait = 8; // RWF_NOWAIT
    private const nuint ShareRangeRequest = 0x4020940D; // FICLONERANGE
    private const nuint SectorSizeRequest = 0x1268; // BLKSSZGET

    private int _descriptor;

    private NativeFile(int descriptor, string path)
    {
        _descriptor = descriptor;
        Path = path;
    }

    /// <summary>Closes the descriptor of an owner that was lost without disposing.</summary>
    ~NativeFile() => Release();

    /// <summary>The path it was opened by.</summary>
    public string Path { get; }

    /// <summary>The file descriptor; valid until disposal.</summary>
    public int Descriptor => _descriptor;

    /// <summary>Opens an existing file; null and the error number when the system refuses.</summary>
    public static NativeFile? TryOpen(string path, bool writable, out int error) =>
        TryOpen(path, (writable ? FlagReadWrite : FlagReadOnly) | FlagCloseOnExec, out error);

    /// <summary>
    /// Opens a block device for writing that nobody else uses: no file system is mounted from it or from a part of it, nothing stands on it. Null
    /// and <see cref="Errno.Busy"/>, or another number, otherwise.
    /// </summary>
    public static NativeFile? TryOpenUnused(string path, bool writable, out int error) =>
        TryOpen(path, (writable ? FlagReadWrite : FlagReadOnly) | FlagCloseOnExec | FlagExclusive, out error);

    /// <summary>
    /// Opens the file behind <paramref name="file"/> a second time, whatever its name is now: with its own flags, for example without the page
    /// cache when <paramref name="direct"/>. Null and the error number when the system refuses.
    /// </summary>
    public static NativeFile? TryOpenAgain(NativeFile file, bool writable, bool direct, out int error)
    {
        var descriptor = Open($"/proc/self/fd/{file._descriptor}", (writable ? FlagReadWrite : FlagReadOnly) | FlagCloseOnExec | (direct ? s_flagDirect : 0), 0);
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new NativeFile(descriptor, file.Path);
    }

    /// <summary>
    /// What memory, and what offsets and lengths, must be multiples of to go past the page cache, in bytes; zeros when the file system does not
    /// say, or cannot do it (statx(2), STATX_DIOALIGN).
    /// </summary>
    public (int MemoryBytes, int OffsetBytes) GetDirectAlignment()
    {
        const uint directAlignment = 0x2000;
        const int emptyPath = 0x1000;
        const int memoryIndex = 0x98 / sizeof(uint);
        const int offsetIndex = 0x9c / sizeof(uint);

        // struct statx is 256 bytes and begins with the mask of what is filled in.
        var answer = stackalloc uint[64];

        // SAFETY: the kernel writes at most the 256 bytes of the local.
        return Status(_descriptor, "", emptyPath, directAlignment, answer) == 0 && (answer[0] & directAlignment) != 0
            ? ((int)answer[memoryIndex], (int)answer[offsetIndex])
            : (0, 0);
    }

    /// <summary>Whether the file still has a name; one that was removed while it was open has none (statx(2), stx_nlink).</summary>
    public bool HasName()
    {
        const uint linkCount = 0x4;
        const int emptyPath = 0x1000;
        const int linksIndex = 0x10 / sizeof(uint);
        var answer = stackalloc uint[64];

        // SAFETY: the kernel writes at most the 256 bytes of the local.
        return Status(_descriptor, "", emptyPath, linkCount, answer) != 0 || (answer[0] & linkCount) == 0 || answer[linksIndex] != 0;
    }

    /// <summary>Makes a new file that only its owner may use; null and the error number (<see cref="Errno.Exists"/> when it is there) otherwise.</summary>
    public static NativeFile? TryCreate(string path, out int error) =>
        TryOpen(path, FlagReadWrite | FlagCloseOnExec | FlagCreate | FlagExclusive, out error);

    /// <summary>
    /// Makes a file in <paramref name="folder"/> that has no name yet: it is gone when its descriptor is, however the process ends, unless
    /// <see cref="TryGiveName"/> comes first. Null and <see cref="Errno.NotSupported"/>, or another number, where the file system cannot.
    /// </summary>
    public static NativeFile? TryCreateUnnamed(string folder, string futurePath, out int error)
    {
        var descriptor = Open(folder, FlagReadWrite | FlagCloseOnExec | FlagTemporary, 0x180); // octal 0600, umask applies
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new NativeFile(descriptor, futurePath);
    }

    /// <summary>Gives an unnamed file its name, never over a file that is there. 0 or the error number.</summary>
    public int TryGiveName(string path) =>
        Link(CurrentFolder, $"/proc/self/fd/{_descriptor}", CurrentFolder, path, FollowLink) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Length in bytes (of a block device too), or the negated error number.</summary>
    public long GetLength() => Result(Seek(_descriptor, 0, SeekEnd));

    /// <summary>
    /// Reads <paramref name="lengthBytes"/> bytes into the part of <paramref name="segments"/> that begins at byte <paramref name="start"/>.
    /// The count may be short at the end of the file, after <see cref="MaximumSegments"/> segments, or when the system likes; negated error
    /// number on failure.
    /// </summary>
    [SkipLocalsInit]
    public long Read(long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        var vector = stackalloc NativeVector[MaximumSegments];
        var count = NativeVector.Fill(new Span<NativeVector>(vector, MaximumSegments), segments, start, lengthBytes);
        long result;
        do
        {
            // SAFETY: vector holds count entries; whoever made the segments keeps their memory mapped until this call returns.
            result = Result(ReadVector(_descriptor, vector, count, offsetBytes));
        }
        while (result == -Errno.Interrupted);
        return result;
    }

    /// <summary>Writes from <paramref name="segments"/>; otherwise as the reading twin.</summary>
    [SkipLocalsInit]
    public long Write(long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        var vector = stackalloc NativeVector[MaximumSegments];
        var count = NativeVector.Fill(new Span<NativeVector>(vector, MaximumSegments), segments, start, lengthBytes);
        long result;
        do
        {
            // SAFETY: vector holds count entries; whoever made the segments keeps their memory mapped until this call returns.
            result = Result(WriteVector(_descriptor, vector, count, offsetBytes));
        }
        while (result == -Errno.Interrupted);
        return result;
    }

    /// <summary>
    /// As <see cref="Read(long, ReadOnlySpan{IoSegment}, int, int)"/>, but only what is there without waiting for a disk:
    /// <see cref="SystemCall.Again"/> when nothing is, <see cref="Errno.NotSupported"/> where the file system cannot tell (both negated).
    /// </summary>
    [SkipLocalsInit]
    public long TryRead(long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        var vector = stackalloc NativeVector[MaximumSegments];
        var count = NativeVector.Fill(new Span<NativeVector>(vector, MaximumSegments), segments, start, lengthBytes);

        // SAFETY: as for reading.
        return Result(ReadVector(_descriptor, vector, count, offsetBytes, NoWait));
    }

    /// <summary>Writes what needs no waiting; otherwise as the reading twin.</summary>
    [SkipLocalsInit]
    public long TryWrite(long offsetBytes, ReadOnlySpan<IoSegment> segments, int start, int lengthBytes)
    {
        var vector = stackalloc NativeVector[MaximumSegments];
        var count = NativeVector.Fill(new Span<NativeVector>(vector, MaximumSegments), segments, start, lengthBytes);

        // SAFETY: as for writing.
        return Result(WriteVector(_descriptor, vector, count, offsetBytes, NoWait));
    }

    /// <summary>Bytes of a sector of a block device; 0 when it is none.</summary>
    public int GetDeviceSectorBytes()
    {
        var bytes = 0;

        // SAFETY: the kernel writes one int, the local, and that only for a block device.
        return Control(_descriptor, SectorSizeRequest, (nint)(&bytes)) == 0 ? bytes : 0;
    }

    /// <summary>Whether the file is in memory alone (tmpfs, ramfs, hugetlbfs), so that no call ever waits for a disk.</summary>
    public bool IsInMemory()
    {
        const long tmpfs = 0x01021994;
        const long ramfs = 0x858458f6;
        const long hugetlbfs = 0x958458f6;

        // struct statfs is 120 bytes on 64-bit Linux and begins with f_type.
        var statistics = stackalloc long[16];

        // SAFETY: the buffer has 128 bytes, the kernel writes 120.
        return FileSystemStatistics(_descriptor, statistics) == 0 && (statistics[0] & 0xffffffff) is tmpfs or ramfs or hugetlbfs;
    }

    /// <summary>Reads into <paramref name="vector"/>, once.</summary>
    internal long Read(long offsetBytes, ReadOnlySpan<NativeVector> vector)
    {
        fixed (NativeVector* pointer = vector)
        {
            // SAFETY: the vector is pinned; whoever made it keeps the memory that it names until the call returns.
            return Result(ReadVector(_descriptor, pointer, vector.Length, offsetBytes));
        }
    }

    /// <summary>Writes from <paramref name="vector"/>, once.</summary>
    internal long Write(long offsetBytes, ReadOnlySpan<NativeVector> vector)
    {
        fixed (NativeVector* pointer = vector)
        {
            // SAFETY: as for reading.
            return Result(WriteVector(_descriptor, pointer, vector.Length, offsetBytes));
        }
    }

    /// <summary>Reads into <paramref name="target"/>; otherwise as the reading of segments.</summary>
    public long Read(long offsetBytes, Span<byte> target)
    {
        fixed (byte* pointer = target)
        {
            // SAFETY: target stays pinned until the synchronous call returns.
            return Read(offsetBytes, [new IoSegment((nint)pointer, target.Length)], 0, target.Length);
        }
    }

    /// <summary>Writes <paramref name="source"/>; otherwise as the writing of segments.</summary>
    public long Write(long offsetBytes, ReadOnlySpan<byte> source)
    {
        fixed (byte* pointer = source)
        {
            // SAFETY: source stays pinned until the synchronous call returns, and a write does not change it.
            return Write(offsetBytes, [new IoSegment((nint)pointer, source.Length)], 0, source.Length);
        }
    }

    /// <summary>Makes data and size durable; 0 or the negated error number.</summary>
    public int Flush() => (int)Result(DataSync(_descriptor));

    /// <summary>Sets the length; new bytes read as zeros. 0 or the negated error number.</summary>
    public int SetLength(long lengthBytes) => (int)Result(Truncate(_descriptor, lengthBytes));

    /// <summary>Reserves storage for a range and extends the file to hold it; existing bytes stay. 0 or the negated error number.</summary>
    public int Reserve(long offsetBytes, long lengthBytes) => Allocate(0, offsetBytes, lengthBytes);

    /// <summary>Gives the storage of a range back; it reads as zeros. 0 or the negated error number (<see cref="Errno.NotSupported"/> where the file system cannot).</summary>
    public int Punch(long offsetBytes, long lengthBytes) => Allocate(PunchHole | KeepSize, offsetBytes, lengthBytes);

    /// <summary>Makes a range read as zeros and keeps its storage. 0 or the negated error number (<see cref="Errno.NotSupported"/> where the file system cannot).</summary>
    public int Zero(long offsetBytes, long lengthBytes) => Allocate(ZeroRange | KeepSize, offsetBytes, lengthBytes);

    /// <summary>
    /// Lets a range share the storage of a range of <paramref name="source"/>, copied only when one of them is written (FICLONERANGE): 0 or the
    /// negated error number. Offsets are multiples of the file system's block size, and so is the length unless it ends at the source's end.
    /// </summary>
    public int ShareRange(NativeFile source, long sourceOffset, long lengthBytes, long offsetBytes)
    {
        var range = new CloneRange(source.Descriptor, (ulong)sourceOffset, (ulong)lengthBytes, (ulong)offsetBytes);

        // SAFETY: range is a struct file_clone_range on the stack; the kernel only reads it.
        return (int)Result(Control(_descriptor, ShareRangeRequest, (nint)(&range)));
    }

    /// <summary>
    /// Has the system (or the server that the files are on) copy a range (copy_file_range): how many bytes were copied, at least one, 0 at the
    /// source's end, or the negated error number.
    /// </summary>
    public long CopyRange(NativeFile source, long sourceOffset, long lengthBytes, long offsetBytes)
    {
        long result;
        do
        {
            // SAFETY: both offsets are on the stack, where the kernel writes their new values.
            result = Result(CopyFileRange(source.Descriptor, &sourceOffset, _descriptor, &offsetBytes, (nuint)lengthBytes, 0));
        }
        while (result == -Errno.Interrupted);
        return result;
    }

    /// <summary>
    /// The end of the run of data (or of hole) that begins at <paramref name="offsetBytes"/>; <see cref="long.MaxValue"/> when it goes on to
    /// the end of the file. A file system that does not track holes answers "data".
    /// </summary>
    public long FindRunEnd(long offsetBytes, out bool isHole)
    {
        var data = Result(Seek(_descriptor, offsetBytes, SeekData));
        if (data == -Errno.NoSuchOffset)
        {
            isHole = true;
            return long.MaxValue;
        }

        if (data < 0)
        {
            isHole = false;
            return long.MaxValue;
        }

        isHole = data > offsetBytes;
        if (isHole)
        {
            return data;
        }

        var hole = Result(Seek(_descriptor, offsetBytes, SeekHole));
        return hole < 0 ? long.MaxValue : hole;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private static NativeFile? TryOpen(string path, int flags, out int error)
    {
        var descriptor = Open(path, flags, 0x180); // octal 0600, umask applies
        error = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        return descriptor < 0 ? null : new NativeFile(descriptor, path);
    }

    private static long Result(long result) => result < 0 ? -Marshal.GetLastPInvokeError() : result;

    private int Allocate(int mode, long offsetBytes, long lengthBytes)
    {
        long result;
        do
        {
            result = Result(FAllocate(_descriptor, mode, offsetBytes, lengthBytes));
        }
        while (result == -Errno.Interrupted);
        return (int)result;
    }

    private void Release()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Status(int folder, string path, int flags, uint mask, uint* answer);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(int oldFolder, string oldPath, int newFolder, string newPath, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "preadv", SetLastError = true)]
    private static partial nint ReadVector(int descriptor, NativeVector* vector, int count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev", SetLastError = true)]
    private static partial nint WriteVector(int descriptor, NativeVector* vector, int count, long offset);

    [LibraryImport("libc", EntryPoint = "preadv2", SetLastError = true)]
    private static partial nint ReadVector(int descriptor, NativeVector* vector, int count, long offset, int flags);

    [LibraryImport("libc", EntryPoint = "pwritev2", SetLastError = true)]
    private static partial nint WriteVector(int descriptor, NativeVector* vector, int count, long offset, int flags);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    private static partial int FileSystemStatistics(int descriptor, long* statistics);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int DataSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Truncate(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int FAllocate(int descriptor, int mode, long offset, long length);

    // ioctl is variadic; on Linux x86-64 and arm64 a pointer argument is passed the same way as in a fixed signature.
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, nint argument);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    private static partial nint CopyFileRange(int source, long* sourceOffset, int target, long* targetOffset, nuint length, uint flags);

    // struct file_clone_range, ioctl_ficlonerange(2).
    private readonly record struct CloneRange(long Source, ulong SourceOffset, ulong Length, ulong TargetOffset);
}
