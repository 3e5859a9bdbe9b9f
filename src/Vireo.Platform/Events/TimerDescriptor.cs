using System.Runtime.InteropServices;

namespace Vireo.Platform.Events;

/// <summary>A monotonic timer that becomes readable when it expires (timerfd), for a thread that sleeps in an event poll.</summary>
public sealed partial class TimerDescriptor : IDisposable
{
    private TimerDescriptor(Descriptor descriptor)
    {
        Descriptor = descriptor;
    }

    /// <summary>The descriptor, to be polled.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Makes a timer that is not set.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public static TimerDescriptor Create()
    {
        const int monotonic = 1;
        const int closeOnExecNonBlocking = 0x80000 | 0x800;
        var number = CreateTimer(monotonic, closeOnExecNonBlocking);
        return number >= 0 ? new TimerDescriptor(new Descriptor(number)) : throw SystemCall.Failed("A timer could not be made");
    }

    /// <summary>Sets the timer to expire after <paramref name="due"/> and then every <paramref name="period"/>; zero means never.</summary>
    /// <exception cref="IOException">A span is negative or beyond what the kernel counts.</exception>
    public unsafe void Set(TimeSpan due, TimeSpan period)
    {
        const long nanosecondsPerSecond = 1_000_000_000;
        var spans = stackalloc long[4];

        // SAFETY: struct itimerspec is two struct timespec of two 64-bit numbers each; all four are written.
        spans[0] = (long)period.TotalSeconds;
        spans[1] = period.Ticks * 100 % nanosecondsPerSecond;
        spans[2] = (long)due.TotalSeconds;
        spans[3] = due.Ticks * 100 % nanosecondsPerSecond;
        if (SetTime(Descriptor, 0, spans, null) != 0)
        {
            throw SystemCall.Failed($"A timer could not be set to {due}");
        }
    }

    /// <summary>Takes note of an expiry, so that the descriptor is no longer readable.</summary>
    /// <returns>How often the timer expired since the last call.</returns>
    public unsafe long Drain()
    {
        long count;

        // SAFETY: the kernel writes the 8 bytes of a local.
        return Read(Descriptor, &count, sizeof(long)) == sizeof(long) ? count : 0;
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    private static partial int CreateTimer(int clock, int flags);

    [LibraryImport("libc", EntryPoint = "timerfd_settime", SetLastError = true)]
    private static unsafe partial int SetTime(Descriptor timer, int flags, long* value, long* old);

    [LibraryImport("libc", EntryPoint = "read")]
    private static unsafe partial nint Read(Descriptor descriptor, void* buffer, nuint length);
}
