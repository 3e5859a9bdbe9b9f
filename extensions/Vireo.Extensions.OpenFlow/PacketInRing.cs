using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.OpenFlow;

/// <summary>A frame on its way to controllers.</summary>
internal readonly record struct WaitingPacket(uint InPort, int Table, ulong Cookie, bool IsMiss, int FrameBytes, int KeptBytes);

/// <summary>
/// Frames on their way from the packet thread to controllers: a fixed number of places for one writer and one reader. One that finds no place is counted; nothing waits
/// and nothing is allocated.
/// </summary>
internal sealed class PacketInRing
{
    /// <summary>The most bytes of a frame.</summary>
    public const int FrameBytesMax = 1600;
    private const int Capacity = 512;
    private readonly WaitingPacket[] _packets = new WaitingPacket[Capacity];
    private readonly byte[] _bytes = new byte[Capacity * FrameBytesMax];
    private uint _head;
    private uint _tail;

    /// <summary>Adds the beginning of a frame, its tag put back.</summary>
    public bool TryAdd(in FrameView frame, FlowEntry entry, int bytesMax)
    {
        var tail = _tail;
        if (tail - Volatile.Read(ref _head) >= Capacity)
        {
            return false;
        }

        var place = (int)(tail % Capacity);
        var to = _bytes.AsSpan(place * FrameBytesMax, FrameBytesMax);
        var from = frame.Bytes;
        var tagBytes = frame.VlanId == 0 ? 0 : FrameParser.TagBytes;
        var kept = Math.Min(from.Length + tagBytes, Math.Min(bytesMax, FrameBytesMax));
        if (tagBytes == 0)
        {
            from[..kept].CopyTo(to);
        }
        else
        {
            from[..12].CopyTo(to);
            BinaryPrimitives.WriteUInt16BigEndian(to[12..], FrameParser.CustomerTagProtocol);
            BinaryPrimitives.WriteUInt16BigEndian(to[14..], (ushort)((frame.Priority << 13) | frame.VlanId));
            from[12..(kept - tagBytes)].CopyTo(to[16..]);
        }

        _packets[place] = new WaitingPacket((uint)frame.Port.Number, entry.Table, entry.Cookie, entry.Priority == 0 && entry.Match == default, from.Length + tagBytes, kept);
        Volatile.Write(ref _tail, tail + 1);
        return true;
    }

    /// <summary>The oldest frame as a message, or null.</summary>
    public byte[]? TryTake()
    {
        if (_head == Volatile.Read(ref _tail))
        {
            return null;
        }

        var place = (int)(_head % Capacity);
        var packet = _packets[place];
        var message = MessageHandler.PacketIn(packet.InPort, packet.Table, packet.Cookie, packet.IsMiss, packet.FrameBytes, _bytes.AsSpan(place * FrameBytesMax, packet.KeptBytes));
        Volatile.Write(ref _head, _head + 1);
        return message;
    }
}
