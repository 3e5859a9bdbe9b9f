using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Vireo.Platform.Net;

/// <summary>
/// Many frames with one call of the kernel (recvmmsg(2), sendmmsg(2)). What is received lies in memory of the socket until the next call; what is to be sent is
/// gathered as addresses of bytes that stay where they are.
/// </summary>
public sealed unsafe partial class PacketSocket
{
    /// <summary>Most frames of one call.</summary>
    public const int FramesMax = 64;

    /// <summary>Room for a header, a tag and the longest frame; pages that no frame reaches are never touched.</summary>
    private const int PlaceBytes = 66 << 10;
    private const int FrameOffset = 64;
    private const int PartsPerFrame = 3;
    private Batch? _received;
    private Batch? _sending;
    private int _sendingCount;

    /// <summary>Receives the frames that are there.</summary>
    /// <param name="most">At most so many, up to <see cref="FramesMax"/>.</param>
    /// <returns>How many, or the negative error number: -<see cref="SystemCall.Again"/> when there is none.</returns>
    public int Receive(int most)
    {
        // Happens once for a socket.
        var batch = _received ??= Batch.ForReceiving();
        for (var i = 0; i < most; i++)
        {
            batch.Messages[i].Header.ControlLength = ControlBytes;
            batch.Messages[i].Header.Flags = 0;
        }

        // SAFETY: the messages and all they refer to are pinned arrays that this object keeps.
        var count = ReceiveMessages(Descriptor, batch.FirstMessage, (uint)most, 0, null);
        if (count < 0)
        {
            return -Marshal.GetLastPInvokeError();
        }

        for (var i = 0; i < count; i++)
        {
            batch.Starts[i] = FrameOffset;
            batch.Lengths[i] = Math.Max(0, (int)batch.Messages[i].Length - HeaderBytes);
            if (batch.Lengths[i] > AddressesBytes && FindTag((byte*)batch.Messages[i].Header.Control, batch.Messages[i].Header.ControlLength) is { } tag)
            {
                // In front of the frame is room for a tag: only the two addresses have to move when one is put in.
                var place = batch.Memory.AsSpan(i * PlaceBytes, PlaceBytes);
                batch.Starts[i] -= TagBytes;
                batch.Lengths[i] += TagBytes;
                place.Slice(FrameOffset, AddressesBytes).CopyTo(place[batch.Starts[i]..]);
                BinaryPrimitives.WriteUInt32BigEndian(place[(batch.Starts[i] + AddressesBytes)..], tag);
                MoveChecksum(place[..HeaderBytes]);
            }
        }

        return count;
    }

    /// <summary>The virtio-net header of a frame that was received.</summary>
    public ReadOnlySpan<byte> ReceivedHeader(int index) => _received!.Memory.AsSpan(index * PlaceBytes, HeaderBytes);

    /// <summary>A frame that was received, with its tag. It does not move, and stays until the next call.</summary>
    public ReadOnlySpan<byte> ReceivedFrame(int index) => _received!.Memory.AsSpan((index * PlaceBytes) + _received.Starts[index], _received.Lengths[index]);

    /// <summary>Adds a frame to those that are sent next, of which there are less than <see cref="FramesMax"/>.</summary>
    /// <param name="header">The virtio-net header; copied.</param>
    /// <param name="head">First bytes of the frame, in memory that does not move until it is sent.</param>
    /// <param name="rest">The bytes behind them, of which the same holds.</param>
    public void Add(ReadOnlySpan<byte> header, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        // Happens once for a socket.
        var batch = _sending ??= Batch.ForSending();
        var index = _sendingCount++;
        header.CopyTo(batch.Memory.AsSpan(index * HeaderBytes, HeaderBytes));
        var parts = index * PartsPerFrame;

        // SAFETY: the caller keeps the bytes where they are until they are sent; the lengths are theirs.
        batch.Parts[parts + 1] = new IoVector((byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(head)), (nuint)head.Length);
        batch.Parts[parts + 2] = new IoVector((byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(rest)), (nuint)rest.Length);
        batch.Messages[index].Header.PartCount = rest.IsEmpty ? 2u : 3u;
    }

    /// <summary>Sends what was added, from the frame at <paramref name="first"/> on.</summary>
    /// <returns>How many were sent, or the negative error number of the first one.</returns>
    public int Send(int first)
    {
        // SAFETY: the messages and headers are pinned arrays that this object keeps, the frames are kept by the caller.
        var sent = SendMessages(Descriptor, _sending!.FirstMessage + first, (uint)(_sendingCount - first), 0);
        return sent >= 0 ? sent : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Forgets what was added.</summary>
    public void ClearSending() => _sendingCount = 0;

    [LibraryImport("libc", EntryPoint = "recvmmsg", SetLastError = true)]
    private static partial int ReceiveMessages(Descriptor socket, ManyHeader* messages, uint count, int flags, void* timeout);

    [LibraryImport("libc", EntryPoint = "sendmmsg", SetLastError = true)]
    private static partial int SendMessages(Descriptor socket, ManyHeader* messages, uint count, int flags);

    /// <summary><c>struct mmsghdr</c> of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ManyHeader
    {
        public MessageHeader Header;
        public uint Length;
    }

    /// <summary>The structures of one direction. All arrays are pinned, so their addresses hold as long as this object is there.</summary>
    private sealed class Batch
    {
        private Batch(int memoryBytes, int controlBytes)
        {
            Memory = GC.AllocateUninitializedArray<byte>(memoryBytes, pinned: true);
            Control = GC.AllocateArray<byte>(Math.Max(1, controlBytes), pinned: true);
        }

        public byte[] Memory { get; }

        public byte[] Control { get; }

        public ManyHeader[] Messages { get; } = GC.AllocateArray<ManyHeader>(FramesMax, pinned: true);

        public IoVector[] Parts { get; } = GC.AllocateArray<IoVector>(FramesMax * PartsPerFrame, pinned: true);

        public int[] Starts { get; } = new int[FramesMax];

        public int[] Lengths { get; } = new int[FramesMax];

        // SAFETY: the array is pinned.
        public ManyHeader* FirstMessage => (ManyHeader*)Marshal.UnsafeAddrOfPinnedArrayElement(Messages, 0);

        public static Batch ForReceiving()
        {
            var batch = new Batch(FramesMax * PlaceBytes, FramesMax * ControlBytes);
            for (var i = 0; i < FramesMax; i++)
            {
                // SAFETY: all arrays are pinned, and the lengths stay inside the part of each frame.
                batch.Parts[i * PartsPerFrame] = new IoVector((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(batch.Memory, i * PlaceBytes), HeaderBytes);
                batch.Parts[(i * PartsPerFrame) + 1] = new IoVector((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(batch.Memory, (i * PlaceBytes) + FrameOffset), PlaceBytes - FrameOffset);
                batch.Messages[i].Header = new MessageHeader
                {
                    Parts = (IoVector*)Marshal.UnsafeAddrOfPinnedArrayElement(batch.Parts, i * PartsPerFrame),
                    PartCount = 2,
                    Control = (void*)Marshal.UnsafeAddrOfPinnedArrayElement(batch.Control, i * ControlBytes),
                };
            }

            return batch;
        }

        public static Batch ForSending()
        {
            var batch = new Batch(FramesMax * HeaderBytes, 0);
            for (var i = 0; i < FramesMax; i++)
            {
                // SAFETY: as above.
                batch.Parts[i * PartsPerFrame] = new IoVector((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(batch.Memory, i * HeaderBytes), HeaderBytes);
                batch.Messages[i].Header = new MessageHeader { Parts = (IoVector*)Marshal.UnsafeAddrOfPinnedArrayElement(batch.Parts, i * PartsPerFrame) };
            }

            return batch;
        }
    }
}
