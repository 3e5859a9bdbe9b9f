using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vireo.Platform.Memory;

namespace Vireo.Platform.Sockets;

/// <summary>
/// A connected stream socket, without blocking, for a data path: bytes go straight from and to segments of memory; a full or empty socket
/// is an answer and not an exception; nothing is allocated. Not for several threads at once.
/// </summary>
public sealed unsafe partial class StreamSocket : IDisposable
{
    /// <summary>Segments that one call passes on at most.</summary>
    public const int MaximumSegments = 64;

    private const int SocketLevel = 1; // SOL_SOCKET

    private StreamSocket(Descriptor descriptor)
    {
        Descriptor = descriptor;
    }

    /// <summary>The descriptor, to be polled.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Takes over a connected socket.</summary>
    /// <exception cref="IOException">The kernel refused to make it non-blocking.</exception>
    public static StreamSocket Adopt(Descriptor descriptor)
    {
        descriptor.SetNonBlocking();
        return new StreamSocket(descriptor);
    }

    /// <summary>Two sockets that are connected to each other.</summary>
    /// <exception cref="IOException">The process has no descriptor left.</exception>
    public static (StreamSocket First, Descriptor Second) CreatePair()
    {
        const int unix = 1;
        const int streamCloseOnExec = 1 | 0x80000;
        var pair = stackalloc int[2];

        // SAFETY: the kernel writes two numbers into a local of that size.
        return CreatePair(unix, streamCloseOnExec, 0, pair) == 0
            ? (Adopt(new Descriptor(pair[0])), new Descriptor(pair[1]))
            : throw SystemCall.Failed("A pair of sockets could not be made");
    }

    /// <summary>
    /// Asks for room for <paramref name="lengthBytes"/> unsent bytes, so that a long answer leaves in few calls. What the kernel does not
    /// grant it does not grant.
    /// </summary>
    public void WantSendRoom(int lengthBytes)
    {
        const int sendBuffer = 7;
        const int sendBufferForce = 32;
        if (SetOption(Descriptor, SocketLevel, sendBufferForce, &lengthBytes, sizeof(int)) != 0)
        {
            _ = SetOption(Descriptor, SocketLevel, sendBuffer, &lengthBytes, sizeof(int));
        }
    }

    /// <summary>Sends what fits of <paramref name="segments"/>: the number of bytes, or the negated error number (<see cref="SystemCall.Again"/> when nothing fits).</summary>
    [SkipLocalsInit]
    public nint Send(ReadOnlySpan<IoSegment> segments)
    {
        const int noSignal = 0x4000;
        var vector = stackalloc Vector[MaximumSegments];
        var message = new Message { Vectors = vector, VectorCount = (nuint)Fill(vector, segments) };
        nint result;
        do
        {
            // SAFETY: the message points at a local that holds the vectors; the caller keeps the segments' memory until the call returns.
            result = SendMessage(Descriptor, &message, noSignal);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == SystemCall.Interrupted);
        return result < 0 ? -Marshal.GetLastPInvokeError() : result;
    }

    /// <summary>Receives what is there into <paramref name="segments"/>: the number of bytes, 0 when the peer sends no more, or the negated error number.</summary>
    [SkipLocalsInit]
    public nint Receive(ReadOnlySpan<IoSegment> segments)
    {
        var vector = stackalloc Vector[MaximumSegments];
        var message = new Message { Vectors = vector, VectorCount = (nuint)Fill(vector, segments) };
        nint result;
        do
        {
            // SAFETY: as for sending. Without room for control data, descriptors that a peer attaches are dropped by the kernel.
            result = ReceiveMessage(Descriptor, &message, 0);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == SystemCall.Interrupted);
        return result < 0 ? -Marshal.GetLastPInvokeError() : result;
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private static int Fill(Vector* vector, ReadOnlySpan<IoSegment> segments)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(segments.Length, MaximumSegments);
        for (var i = 0; i < segments.Length; i++)
        {
            // SAFETY: i < MaximumSegments, the number of entries that the caller has allocated.
            vector[i] = new Vector { Base = segments[i].Address, Length = (nuint)segments[i].Length };
        }

        return segments.Length;
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int CreatePair(int family, int type, int protocol, int* pair);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(Descriptor socket, int level, int option, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint SendMessage(Descriptor socket, Message* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(Descriptor socket, Message* message, int flags);

    /// <summary><c>struct iovec</c>.</summary>
    private struct Vector
    {
        public nint Base;
        public nuint Length;
    }

    /// <summary><c>struct msghdr</c> of 64-bit Linux.</summary>
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
