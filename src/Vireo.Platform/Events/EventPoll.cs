using System.Runtime.InteropServices;

namespace Vireo.Platform.Events;

/// <summary>What happened to a descriptor, or what to watch for (<c>EPOLL*</c>).</summary>
[Flags]
public enum PollEvents : uint
{
    /// <summary>Nothing; errors and hang-up are always reported.</summary>
    None = 0,

    /// <summary>Readable.</summary>
    Readable = 0x1,

    /// <summary>Writable.</summary>
    Writable = 0x4,

    /// <summary>An error is pending.</summary>
    Error = 0x8,

    /// <summary>Both directions are closed.</summary>
    HangUp = 0x10,

    /// <summary>The peer closed its writing side.</summary>
    PeerClosed = 0x2000,

    /// <summary>
    /// Report each change once instead of reporting a state again and again. An eventfd watched so needs no read: every signal is a change.
    /// </summary>
    EdgeTriggered = 0x80000000,
}

/// <summary>A set of descriptors to wait for (epoll). Not for several threads at once.</summary>
public sealed partial class EventPoll : IDisposable
{
    private const int Add = 1;
    private const int Delete = 2;
    private const int Modify = 3;

    // struct epoll_event is packed on x86-64 and nowhere else.
    private static readonly int s_eventBytes = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int s_keyOffset = s_eventBytes - sizeof(ulong);

    private readonly Descriptor _set;
    private readonly byte[] _events;

    /// <summary>An empty set that reports at most <paramref name="batch"/> descriptors per wait.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public EventPoll(int batch = 64)
    {
        const int closeOnExec = 0x80000;
        var number = Create(closeOnExec);
        _set = number >= 0 ? new Descriptor(number) : throw SystemCall.Failed("An epoll set could not be made");
        _events = GC.AllocateArray<byte>(batch * s_eventBytes, pinned: true);
    }

    /// <summary>Watches <paramref name="descriptor"/>; <paramref name="key"/> comes back with its events.</summary>
    /// <exception cref="IOException">The kernel cannot wait for such a descriptor.</exception>
    public void Watch(Descriptor descriptor, PollEvents events, ulong key) => Control(Add, descriptor, events, key);

    /// <summary>Changes what is watched.</summary>
    /// <exception cref="IOException">The descriptor is not in the set.</exception>
    public void Change(Descriptor descriptor, PollEvents events, ulong key) => Control(Modify, descriptor, events, key);

    /// <summary>Takes <paramref name="descriptor"/> out of the set. Events already fetched may still name its key.</summary>
    /// <exception cref="IOException">The descriptor is not in the set.</exception>
    public void Forget(Descriptor descriptor) => Control(Delete, descriptor, PollEvents.None, 0);

    /// <summary>Waits until something happens or <paramref name="timeoutMilliseconds"/> passed; -1 waits for ever, 0 only looks.</summary>
    /// <returns>How many events <see cref="Event"/> holds; zero also when a signal interrupted the wait.</returns>
    /// <exception cref="IOException">The set is closed.</exception>
    public unsafe int Wait(int timeoutMilliseconds)
    {
        int count;

        // SAFETY: the array is pinned for its whole life and holds Length / s_eventBytes events.
        fixed (byte* events = _events)
        {
            count = Wait(_set, events, _events.Length / s_eventBytes, timeoutMilliseconds);
        }

        if (count >= 0)
        {
            return count;
        }

        return Marshal.GetLastPInvokeError() == SystemCall.Interrupted ? 0 : throw SystemCall.Failed("Waiting for events failed");
    }

    /// <summary>An event of the last wait.</summary>
    public (PollEvents Events, ulong Key) Event(int index)
    {
        var entry = _events.AsSpan(index * s_eventBytes, s_eventBytes);
        return ((PollEvents)MemoryMarshal.Read<uint>(entry), MemoryMarshal.Read<ulong>(entry[s_keyOffset..]));
    }

    /// <inheritdoc/>
    public void Dispose() => _set.Dispose();

    private unsafe void Control(int operation, Descriptor descriptor, PollEvents events, ulong key)
    {
        var entry = stackalloc byte[16];
        var view = new Span<byte>(entry, 16);
        MemoryMarshal.Write(view, (uint)events);
        MemoryMarshal.Write(view[s_keyOffset..], key);

        // SAFETY: 16 bytes hold an epoll_event of either layout.
        if (Control(_set, operation, descriptor, entry) != 0)
        {
            throw SystemCall.Failed($"The set of awaited descriptors could not be changed ({descriptor.KernelName() ?? "closed"})");
        }
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static unsafe partial int Control(Descriptor set, int operation, Descriptor descriptor, byte* entry);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static unsafe partial int Wait(Descriptor set, byte* events, int capacity, int timeoutMilliseconds);
}
