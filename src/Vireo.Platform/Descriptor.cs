using System.Runtime.InteropServices;

namespace Vireo.Platform;

/// <summary>
/// Owner of a Linux file descriptor: an eventfd, an epoll set, a socket, a memory file, or one that another process passed.
/// Closed exactly once; a call in progress keeps it open until it returns.
/// </summary>
public sealed partial class Descriptor : SafeHandle
{
    /// <summary>Takes ownership of <paramref name="descriptor"/>.</summary>
    public Descriptor(int descriptor)
        : base(new IntPtr(-1), ownsHandle: true)
    {
        SetHandle(descriptor);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle < 0;

    /// <summary>The number itself, for building messages and keys. The owner must stay alive while the number is in use.</summary>
    public int Number => (int)handle;

    /// <summary>A second descriptor of the same open file, closed on its own.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public Descriptor Duplicate() => DuplicateOf(this);

    /// <summary>A descriptor of the open file behind <paramref name="other"/>, for example of a file that .NET opened.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public static Descriptor DuplicateOf(SafeHandle other)
    {
        const int duplicateCloseOnExec = 1030;
        var copy = FileControl(other, duplicateCloseOnExec, 0);
        return copy >= 0 ? new Descriptor(copy) : throw SystemCall.Failed("A descriptor could not be duplicated");
    }

    /// <summary>Makes reads and writes return at once. The flag is shared with every process that holds the same open file.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public void SetNonBlocking()
    {
        const int getFlags = 3;
        const int setFlags = 4;
        const int nonBlocking = 0x800;
        var flags = FileControl(this, getFlags, 0);
        if (flags < 0 || FileControl(this, setFlags, flags | nonBlocking) < 0)
        {
            throw SystemCall.Failed("A descriptor could not be made non-blocking");
        }
    }

    /// <summary>What the kernel says the descriptor is, for example <c>anon_inode:[eventfd]</c>; null when it cannot be read.</summary>
    public string? KernelName() => new FileInfo($"/proc/self/fd/{Number}").LinkTarget;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Close((int)handle) == 0;

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(SafeHandle descriptor, int command, nint argument);
}
