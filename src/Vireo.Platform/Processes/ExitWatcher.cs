using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Processes;

/// <summary>One thread that waits for the end of any number of processes, so that a thousand machines do not cost a thousand threads.</summary>
internal static partial class ExitWatcher
{
    private const int EpollCloseOnExec = 0x80000;
    private const int EpollAdd = 1;
    private const int EpollDelete = 2;
    private const int EpollModify = 3;
    private const uint EpollIn = 1;
    private const uint EpollOneShot = 1u << 30;
    private const int Interrupted = 4;
    private const int Exists = 17;

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<int, List<TaskCompletionSource>> s_waiting = [];
    private static int s_epoll = -1;

    /// <summary>Completes when the process behind <paramref name="process"/> has ended. The handle is kept open meanwhile.</summary>
    public static async Task WaitAsync(ProcessHandle process, CancellationToken cancellationToken)
    {
        var held = false;
        try
        {
            process.DangerousAddRef(ref held);
            var descriptor = (int)process.DangerousGetHandle();
            var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Add(descriptor, source);
            try
            {
                await source.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                Remove(descriptor, source);
            }
        }
        finally
        {
            if (held)
            {
                process.DangerousRelease();
            }
        }
    }

    private static unsafe void Add(int descriptor, TaskCompletionSource source)
    {
        lock (s_lock)
        {
            EnsureStarted();
            if (!s_waiting.TryGetValue(descriptor, out var sources))
            {
                s_waiting[descriptor] = sources = [];
            }

            sources.Add(source);
            var interest = new EpollEvent { Events = EpollIn | EpollOneShot, Descriptor = descriptor };

            // SAFETY: the kernel copies the structure, which lives on this stack frame, during the call.
            var result = EpollControl(s_epoll, EpollAdd, descriptor, &interest);
            if (result != 0 && Marshal.GetLastPInvokeError() == Exists)
            {
                result = EpollControl(s_epoll, EpollModify, descriptor, &interest);
            }

            if (result != 0)
            {
                sources.Remove(source);
                throw new Win32Exception(Marshal.GetLastPInvokeError(), "A process could not be watched");
            }
        }
    }

    private static unsafe void Remove(int descriptor, TaskCompletionSource source)
    {
        lock (s_lock)
        {
            if (s_waiting.TryGetValue(descriptor, out var sources) && sources.Remove(source) && sources.Count == 0)
            {
                s_waiting.Remove(descriptor);

                // SAFETY: EPOLL_CTL_DEL ignores its last argument; the descriptor is still held open by the waiter.
                _ = EpollControl(s_epoll, EpollDelete, descriptor, null);
            }
        }
    }

    private static void EnsureStarted()
    {
        if (s_epoll >= 0)
        {
            return;
        }

        s_epoll = EpollCreate(EpollCloseOnExec);
        if (s_epoll < 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "The list of watched processes could not be made");
        }

        new Thread(Run) { IsBackground = true, Name = "process-exits" }.Start();
    }

    private static unsafe void Run()
    {
        const int Batch = 64;
        var events = stackalloc EpollEvent[Batch];
        while (true)
        {
            // SAFETY: the array of Batch events lives on this thread's stack for as long as the loop runs.
            var count = EpollWait(s_epoll, events, Batch, -1);
            if (count < 0)
            {
                Invariant.Check(Marshal.GetLastPInvokeError() == Interrupted);
                continue;
            }

            lock (s_lock)
            {
                for (var i = 0; i < count; i++)
                {
                    if (s_waiting.TryGetValue(events[i].Descriptor, out var sources))
                    {
                        foreach (var source in sources)
                        {
                            source.TrySetResult();
                        }
                    }
                }
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int EpollControl(int epoll, int operation, int descriptor, EpollEvent* interest);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static unsafe partial int EpollWait(int epoll, EpollEvent* events, int capacity, int timeoutMilliseconds);

    /// <summary>struct epoll_event, which is packed on x86-64, the only architecture whose machines we run.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct EpollEvent
    {
        public uint Events;
        public int Descriptor;
#pragma warning disable IDE0044, CS0169, IDE0051 // The other half of the kernel's 64 bits of user data.
        private int _unused;
#pragma warning restore IDE0044, CS0169, IDE0051
    }
}
