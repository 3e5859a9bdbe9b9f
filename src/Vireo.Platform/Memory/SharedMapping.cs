using System.Runtime.InteropServices;

namespace Vireo.Platform.Memory;

/// <summary>
/// A shared, writable mapping of a part of a file or memory file. The memory is there until <see cref="SafeHandle.Dispose()"/>; whoever
/// keeps an address taken from it keeps the mapping alive.
/// </summary>
public sealed partial class SharedMapping : SafeHandle
{
    private readonly nuint _mappedBytes;
    private readonly nint _skippedBytes;

    private SharedMapping(nint start, nuint mappedBytes, nint skippedBytes, long lengthBytes)
        : base(new IntPtr(-1), ownsHandle: true)
    {
        SetHandle(start);
        _mappedBytes = mappedBytes;
        _skippedBytes = skippedBytes;
        LengthBytes = lengthBytes;
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == -1;

    /// <summary>First byte of the part that was asked for.</summary>
    public nint Address => handle + _skippedBytes;

    /// <summary>Length of the part that was asked for.</summary>
    public long LengthBytes { get; }

    /// <summary>
    /// Maps <paramref name="lengthBytes"/> from <paramref name="offsetBytes"/> on, which needs no alignment.
    /// </summary>
    /// <exception cref="IOException">
    /// The file does not hold the range (touching such memory would kill the process), or the kernel refused.
    /// </exception>
    public static SharedMapping Map(Descriptor file, long offsetBytes, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offsetBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        var size = SizeBytes(file);
        if (offsetBytes > size || lengthBytes > size - offsetBytes)
        {
            throw new IOException($"A range of {lengthBytes} bytes at {offsetBytes} was to be mapped from a file that has only {size} bytes.");
        }

        // The kernel wants a page boundary, and on hugetlbfs a boundary of its larger pages.
        var page = Math.Max(Environment.SystemPageSize, FileSystemPageBytes(file));
        var skipped = offsetBytes % page;
        var mapped = RoundUp(skipped + lengthBytes, page);
        const int readWrite = 1 | 2;
        const int sharedNoReserve = 1 | 0x4000;
        var start = MapMemory(0, (nuint)mapped, readWrite, sharedNoReserve, file, offsetBytes - skipped);
        return start == -1
            ? throw SystemCall.Failed($"A range of {lengthBytes} bytes at {offsetBytes} could not be mapped")
            : new SharedMapping(start, (nuint)mapped, (nint)skipped, lengthBytes);
    }

    /// <summary>Size of the open file.</summary>
    /// <exception cref="IOException">The descriptor is not a file that has a size.</exception>
    public static long SizeBytes(Descriptor file)
    {
        const int seekCurrent = 1;
        const int seekEnd = 2;

        // The position is shared with the peer that passed the file, so it is put back.
        var position = Seek(file, 0, seekCurrent);
        var size = Seek(file, 0, seekEnd);
        if (position < 0 || size < 0)
        {
            throw SystemCall.Failed("The size of a shared memory file could not be read");
        }

        _ = Seek(file, position, 0);
        return size;
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => UnmapMemory(handle, _mappedBytes) == 0;

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    private static unsafe long FileSystemPageBytes(Descriptor file)
    {
        const long hugeTlbMagic = 0x958458f6;

        // struct statfs is 120 bytes on 64-bit Linux: f_type, then f_bsize, which on hugetlbfs is the page size.
        var statistics = stackalloc long[16];

        // SAFETY: the buffer has 128 bytes, the kernel writes 120.
        return FileSystemStatistics(file, statistics) == 0 && statistics[0] == hugeTlbMagic ? statistics[1] : 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint length, int protection, int flags, Descriptor file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int UnmapMemory(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(Descriptor file, long offset, int origin);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    private static unsafe partial int FileSystemStatistics(Descriptor file, long* statistics);
}
