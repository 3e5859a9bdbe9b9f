using System.Runtime.InteropServices;

namespace Vireo.Platform.Sockets;

/// <summary>Who is at the other end of a Unix socket, as the kernel noted it when the connection was made.</summary>
/// <param name="ProcessId">Process; zero when it lives in a namespace that we cannot see.</param>
/// <param name="UserId">Effective user.</param>
/// <param name="GroupId">Effective group.</param>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId);

/// <summary>How a send or receive ended.</summary>
public enum SocketStatus : byte
{
    /// <summary>At least one byte was moved.</summary>
    Ok,

    /// <summary>Nothing to receive, or no room to send, just now.</summary>
    WouldBlock,

    /// <summary>The peer is gone.</summary>
    Closed,

    /// <summary>Descriptors came that nobody wants, or more than there is room for; those in the list belong to the caller as always.</summary>
    TooManyDescriptors,
}

/// <summary>
/// A connected Unix stream socket that can carry descriptors (SCM_RIGHTS). Non-blocking, unless made by a blocking
/// <see cref="Connect"/>. Not for several threads at once.
/// </summary>
public sealed partial class UnixConnection : IDisposable
{
    /// <summary>The most descriptors one message carries here (the kernel allows 253).</summary>
    public const int DescriptorsMax = 32;

    private const int SocketLevel = 1;
    private const int Rights = 1;

    // struct cmsghdr on 64-bit Linux: length (8), level (4), type (4), then the data, aligned to 8.
    private const int ControlHeaderBytes = 16;
    private const int ControlBytesMax = ControlHeaderBytes + (DescriptorsMax * sizeof(int));

    internal UnixConnection(Descriptor descriptor)
    {
        Descriptor = descriptor;
    }

    /// <summary>The socket's descriptor.</summary>
    public Descriptor Descriptor { get; }

    /// <summary>Who connected, or who listened.</summary>
    public unsafe PeerCredentials Peer
    {
        get
        {
            const int peerCredentials = 17;
            PeerCredentials answer = default;
            var length = (uint)sizeof(PeerCredentials);

            // SAFETY: struct ucred is three 32-bit numbers, the layout of PeerCredentials.
            return GetOption(Descriptor, SocketLevel, peerCredentials, &answer, &length) == 0
                ? answer
                : throw SystemCall.Failed("The peer of a socket could not be identified");
        }
    }

    /// <summary>Connects to the listener at <paramref name="path"/>.</summary>
    /// <param name="path">At most 107 bytes.</param>
    /// <param name="blocking">Whether sends and receives wait.</param>
    /// <exception cref="IOException">Nobody listens there.</exception>
    public static UnixConnection Connect(string path, bool blocking = false) =>
        TryConnect(path, blocking) ?? throw SystemCall.Failed($"The socket '{path}' could not be connected to");

    /// <summary>Connects, or answers null when nobody listens at <paramref name="path"/>.</summary>
    public static UnixConnection? TryConnect(string path, bool blocking = false)
    {
        var descriptor = NewSocket(blocking);
        if (ConnectTo(descriptor, UnixSocketAddress.Of(path), UnixSocketAddress.LengthBytes) == 0)
        {
            return new UnixConnection(descriptor);
        }

        var error = Marshal.GetLastPInvokeError();
        descriptor.Dispose();
        Marshal.SetLastPInvokeError(error);
        return null;
    }

    /// <summary>Takes over a connected Unix stream socket that another process passed.</summary>
    public static UnixConnection Adopt(Descriptor descriptor)
    {
        descriptor.SetNonBlocking();
        return new UnixConnection(descriptor);
    }

    /// <summary>Sends what fits of <paramref name="data"/>, with <paramref name="descriptors"/> attached to its first byte.</summary>
    /// <param name="data">Not empty.</param>
    /// <param name="descriptors">At most <see cref="DescriptorsMax"/>; they stay open here and belong to the caller.</param>
    /// <param name="sent">Bytes sent.</param>
    /// <exception cref="IOException">Something else than a full or closed socket.</exception>
    public unsafe SocketStatus Send(ReadOnlySpan<byte> data, ReadOnlySpan<Descriptor> descriptors, out int sent)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Length, DescriptorsMax);
        const int noSignal = 0x4000;
        var control = stackalloc byte[ControlBytesMax];
        fixed (byte* bytes = data)
        {
            var vector = new Vector { Base = bytes, Length = (nuint)data.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1 };
            if (descriptors.Length > 0)
            {
                var length = ControlHeaderBytes + (descriptors.Length * sizeof(int));
                *(nuint*)control = (nuint)length;
                *(int*)(control + 8) = SocketLevel;
                *(int*)(control + 12) = Rights;
                for (var i = 0; i < descriptors.Length; i++)
                {
                    *(int*)(control + ControlHeaderBytes + (i * sizeof(int))) = descriptors[i].Number;
                }

                message.Control = control;
                message.ControlLength = (nuint)((length + 7) & ~7);
            }

            // SAFETY: the message points at the pinned data and at locals, whose lengths it states; the caller keeps the descriptors open.
            var count = SendMessage(Descriptor, &message, noSignal);
            sent = (int)Math.Max(count, 0);
            return count >= 0 ? SocketStatus.Ok : Ended("sent to");
        }
    }

    /// <summary>Receives what is there, and the descriptors attached to it.</summary>
    /// <param name="buffer">Not empty.</param>
    /// <param name="descriptors">Descriptors that came are appended; the caller owns them.</param>
    /// <param name="received">Bytes received.</param>
    /// <exception cref="IOException">Something else than an empty or closed socket.</exception>
    public unsafe SocketStatus Receive(Span<byte> buffer, List<Descriptor>? descriptors, out int received)
    {
        const int closeOnExec = 0x40000000;
        const int controlTruncated = 8;
        var control = stackalloc byte[ControlBytesMax];
        fixed (byte* bytes = buffer)
        {
            var vector = new Vector { Base = bytes, Length = (nuint)buffer.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = ControlBytesMax };

            // SAFETY: the message points at the pinned buffer and at locals, whose lengths it states.
            var count = ReceiveMessage(Descriptor, &message, closeOnExec);
            received = (int)Math.Max(count, 0);
            if (count < 0)
            {
                return Ended("received from");
            }

            var wanted = TakeDescriptors(new ReadOnlySpan<byte>(control, (int)message.ControlLength), descriptors);
            if (!wanted || (message.Flags & controlTruncated) != 0)
            {
                return SocketStatus.TooManyDescriptors;
            }

            return count == 0 ? SocketStatus.Closed : SocketStatus.Ok;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    internal static Descriptor NewSocket(bool blocking = false)
    {
        const int unix = 1;
        const int streamCloseOnExec = 1 | 0x80000;
        const int nonBlocking = 0x800;
        var number = CreateSocket(unix, streamCloseOnExec | (blocking ? 0 : nonBlocking), 0);
        return number >= 0 ? new Descriptor(number) : throw SystemCall.Failed("A socket could not be made");
    }

    /// <returns>False when descriptors came although the caller expects none; they are closed.</returns>
    private static bool TakeDescriptors(ReadOnlySpan<byte> control, List<Descriptor>? descriptors)
    {
        var wanted = true;
        while (control.Length >= ControlHeaderBytes)
        {
            var length = (int)Math.Min((ulong)control.Length, MemoryMarshal.Read<ulong>(control));
            if (length < ControlHeaderBytes)
            {
                break;
            }

            var isRights = MemoryMarshal.Read<int>(control[8..]) == SocketLevel && MemoryMarshal.Read<int>(control[12..]) == Rights;
            var numbers = MemoryMarshal.Cast<byte, int>(control[ControlHeaderBytes..length]);
            foreach (var number in isRights ? numbers : [])
            {
                var descriptor = new Descriptor(number);
                if (descriptors is null)
                {
                    descriptor.Dispose();
                    wanted = false;
                }
                else
                {
                    descriptors.Add(descriptor);
                }
            }

            control = control[Math.Min(control.Length, (length + 7) & ~7)..];
        }

        return wanted;
    }

    private static SocketStatus Ended(string verb)
    {
        const int brokenPipe = 32;
        const int connectionReset = 104;
        return Marshal.GetLastPInvokeError() switch
        {
            SystemCall.Again or SystemCall.Interrupted => SocketStatus.WouldBlock,
            brokenPipe or connectionReset => SocketStatus.Closed,
            _ => throw SystemCall.Failed($"A socket could not be {verb}"),
        };
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int CreateSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int ConnectTo(Descriptor socket, ReadOnlySpan<byte> address, uint length);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    private static unsafe partial int GetOption(Descriptor socket, int level, int option, void* value, uint* length);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(Descriptor socket, Message* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static unsafe partial nint ReceiveMessage(Descriptor socket, Message* message, int flags);

    /// <summary><c>struct iovec</c>.</summary>
    private unsafe struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary><c>struct msghdr</c> of 64-bit Linux.</summary>
    private unsafe struct Message
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
