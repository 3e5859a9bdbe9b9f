using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Sockets;

/// <summary>Sends a message together with an open file over a Unix socket (unix(7), SCM_RIGHTS).</summary>
public static partial class DescriptorSender
{
    private const int SolSocket = 1;
    private const int Rights = 1;
    private const int NoSignal = 0x4000;
    private const int TryAgain = 11;
    private const int Interrupted = 4;

    /// <summary>Sends all of <paramref name="message"/>; the descriptor goes with its first byte and stays open here.</summary>
    /// <exception cref="Win32Exception">The connection is broken.</exception>
    public static unsafe void Send(Socket socket, ReadOnlySpan<byte> message, SafeHandle descriptor)
    {
        var held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            var control = new ControlMessage
            {
                Length = 20,
                Level = SolSocket,
                Type = Rights,
                Descriptor = (int)descriptor.DangerousGetHandle(),
            };
            var sent = 0;
            while (sent < message.Length)
            {
                // SAFETY: the message is pinned by the fixed statement and the control message lives on this stack frame, both for the
                // whole call; the lengths are those of the two objects.
                fixed (byte* start = message)
                {
                    var part = new IoVector { Start = start + sent, Length = (nuint)(message.Length - sent) };
                    var header = new MessageHeader { Parts = &part, PartCount = 1 };
                    if (sent == 0)
                    {
                        header.Control = &control;
                        header.ControlLength = (nuint)sizeof(ControlMessage);
                    }

                    var result = SendMessage(socket.SafeHandle, &header, NoSignal);
                    if (result >= 0)
                    {
                        sent += (int)result;
                        continue;
                    }
                }

                var error = Marshal.GetLastPInvokeError();
                if (error == TryAgain)
                {
                    socket.Poll(TimeSpan.FromSeconds(1), SelectMode.SelectWrite);
                }
                else if (error != Interrupted)
                {
                    throw new Win32Exception(error, "A file could not be handed over a Unix socket");
                }
            }
        }
        finally
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(SafeHandle socket, MessageHeader* message, int flags);

    /// <summary>struct iovec.</summary>
    private unsafe struct IoVector
    {
        public byte* Start;
        public nuint Length;
    }

    /// <summary>struct msghdr on 64-bit Linux.</summary>
    private unsafe struct MessageHeader
    {
        public void* Name;
        public nuint NameLength;
        public IoVector* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public nuint Flags;
    }

    /// <summary>struct cmsghdr with one descriptor, padded to its alignment (CMSG_SPACE(4) = 24).</summary>
    private struct ControlMessage
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }
}
