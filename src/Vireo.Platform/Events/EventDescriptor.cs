using System.Runtime.InteropServices;

namespace Vireo.Platform.Events;

/// <summary>A kernel counter that wakes whoever waits for it (eventfd). Signalling never blocks and never fails while it is open.</summary>
public sealed partial class EventDescriptor : IDisposable
{
    private EventDescriptor(Descriptor descriptor)
    {
        Descriptor = descriptor;
    }

    /// <summary>The descriptor, to be passed or polled.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Makes one that nobody has signalled yet.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public static EventDescriptor Create()
    {
        const int closeOnExec = 0x80000;
        const int nonBlocking = 0x800;
        var number = CreateEvent(0, closeOnExec | nonBlocking);
        return number >= 0 ? new EventDescriptor(new Descriptor(number)) : throw SystemCall.Failed("An eventfd could not be made");
    }

    /// <summary>
    /// Takes over a descriptor that another process passed, if it is an eventfd. Nothing else is accepted: a pipe or a socket could
    /// make a write wait for its peer.
    /// </summary>
    /// <returns>Null when it is something else; <paramref name="descriptor"/> then still belongs to the caller.</returns>
    public static EventDescriptor? TryAdopt(Descriptor descriptor)
    {
        if (!string.Equals(descriptor.KernelName(), "anon_inode:[eventfd]", StringComparison.Ordinal))
        {
            return null;
        }

        descriptor.SetNonBlocking();
        return new EventDescriptor(descriptor);
    }

    /// <summary>Adds one to the counter and wakes who waits. A full counter wakes too, so that case needs no answer.</summary>
    public unsafe void Signal()
    {
        ulong one = 1;

        // SAFETY: the kernel reads the 8 bytes of a local.
        _ = Write(Descriptor, &one, sizeof(ulong));
    }

    /// <summary>Takes the counter down to zero.</summary>
    /// <returns>Whether it had been signalled.</returns>
    public unsafe bool Drain()
    {
        ulong count;

        // SAFETY: the kernel writes the 8 bytes of a local.
        return Read(Descriptor, &count, sizeof(ulong)) == sizeof(ulong);
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int CreateEvent(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "write")]
    private static unsafe partial nint Write(Descriptor descriptor, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "read")]
    private static unsafe partial nint Read(Descriptor descriptor, void* buffer, nuint length);
}
