using System.Runtime.InteropServices;

namespace Vireo.Platform.Memory;

/// <summary>Anonymous memory behind a descriptor (memfd), which other processes can map when they are passed it.</summary>
public static partial class MemoryFile
{
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int GetSeals = 1034;
    private const int SealSeal = 1;
    private const int SealShrink = 2;
    private const int SealGrow = 4;

    /// <summary>
    /// Makes <paramref name="lengthBytes"/> zero bytes whose size nobody can change any more: whoever maps them needs not fear a
    /// SIGBUS because a peer cut the file short.
    /// </summary>
    /// <param name="name">Shown in <c>/proc/PID/maps</c>.</param>
    /// <param name="lengthBytes">Positive.</param>
    /// <exception cref="IOException">Out of memory or descriptors.</exception>
    public static Descriptor CreateSealed(string name, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        var number = Create(name, CloseOnExec | AllowSealing);
        if (number < 0)
        {
            throw SystemCall.Failed($"The shared memory '{name}' could not be made");
        }

        var file = new Descriptor(number);
        if (Truncate(file, lengthBytes) != 0 || FileControl(file, AddSeals, SealSeal | SealShrink | SealGrow) != 0)
        {
            var failure = SystemCall.Failed($"The shared memory '{name}' could not be given {lengthBytes} bytes");
            file.Dispose();
            throw failure;
        }

        return file;
    }

    /// <summary>Whether the kernel guarantees that the file never gets shorter (F_SEAL_SHRINK).</summary>
    public static bool CannotShrink(Descriptor file)
    {
        var seals = FileControl(file, GetSeals, 0);
        return seals >= 0 && (seals & SealShrink) != 0;
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Create(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Truncate(Descriptor file, long length);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(Descriptor descriptor, int command, nint argument);
}
