using System.Buffers.Binary;

namespace Vireo.Switch.Sdk;

/// <summary>A conversation on its way to another version of its firewall, or to another host.</summary>
internal readonly struct ConnectionRecord
{
    private const byte Version = 1;
    private const int AddressesBytes = 32;
    private const int SideBytes = 8;
    private const int RecordBytes = AddressesBytes + 2 + 2 + 2 + 1 + 1 + 1 + 4 + (2 * SideBytes);
    private readonly ConnectionEntry _entry;

    private ConnectionRecord(in ConnectionEntry entry) => _entry = entry;

    /// <summary>Writes the conversations of a port, while the packet thread goes on: one that changes meanwhile is left out.</summary>
    public static byte[] Write(ConnectionTable table, ushort port, uint now)
    {
        var entries = table.Entries;
        var bytes = new byte[1 + (entries.Length * RecordBytes)];
        bytes[0] = Version;
        var used = 1;
        for (var index = 0; index < entries.Length; index++)
        {
            var entry = entries[index];
            if (entry.State == ConnectionState.None || entry.Key.Port != port)
            {
                continue;
            }

            Thread.MemoryBarrier();
            if (entries[index].Key == entry.Key)
            {
                Write(entry, now, bytes.AsSpan(used, RecordBytes));
                used += RecordBytes;
            }
        }

        return bytes[..used];
    }

    /// <summary>Reads what another version or host has written; bytes that are none of this format are no conversations.</summary>
    /// <param name="bytes">What was kept.</param>
    /// <param name="port">Number of the port here.</param>
    /// <param name="now">Seconds here.</param>
    /// <param name="most">Conversations at most.</param>
    public static ConnectionRecord[] Read(ReadOnlySpan<byte> bytes, ushort port, uint now, int most)
    {
        if (bytes.IsEmpty || bytes[0] != Version)
        {
            return [];
        }

        bytes = bytes[1..];
        var records = new List<ConnectionRecord>();
        while (bytes.Length >= RecordBytes && records.Count < most)
        {
            if (TryRead(bytes[..RecordBytes], port, now, out var entry))
            {
                records.Add(new ConnectionRecord(entry));
            }

            bytes = bytes[RecordBytes..];
        }

        return [.. records];
    }

    /// <summary>Puts the conversation into the table, unless it is there or has no room.</summary>
    public void AddTo(ConnectionTable table, uint now)
    {
        if (table.Find(_entry.Key, now) < 0 && table.Add(_entry.Key, now) is >= 0 and var place)
        {
            table.At(place) = _entry;
        }
    }

    private static void Write(in ConnectionEntry entry, uint now, Span<byte> to)
    {
        BinaryPrimitives.WriteUInt128BigEndian(to, entry.Key.Local);
        BinaryPrimitives.WriteUInt128BigEndian(to[16..], entry.Key.Remote);
        to = to[AddressesBytes..];
        BinaryPrimitives.WriteUInt16BigEndian(to, entry.Key.LocalPort);
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], entry.Key.RemotePort);
        BinaryPrimitives.WriteUInt16BigEndian(to[4..], entry.Key.Vlan);
        to[6] = entry.Key.Protocol;
        to[7] = (byte)entry.State;
        to[8] = entry.IsInbound ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(to[9..], unchecked(now - entry.Seen));
        Write(entry.Local, to[13..]);
        Write(entry.Remote, to[(13 + SideBytes)..]);
    }

    private static void Write(in TcpSide side, Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32BigEndian(to, side.Expected);
        BinaryPrimitives.WriteUInt16BigEndian(to[4..], side.Window);
        to[6] = side.Scale;
        to[7] = (byte)((side.HasBegun ? 1 : 0) | (side.HasSpoken ? 2 : 0) | (side.HasEnded ? 4 : 0));
    }

    private static bool TryRead(ReadOnlySpan<byte> from, ushort port, uint now, out ConnectionEntry entry)
    {
        var rest = from[AddressesBytes..];
        var state = (ConnectionState)rest[7];
        entry = new ConnectionEntry
        {
            Key = new ConnectionKey(
                BinaryPrimitives.ReadUInt128BigEndian(from), BinaryPrimitives.ReadUInt128BigEndian(from[16..]), BinaryPrimitives.ReadUInt16BigEndian(rest),
                BinaryPrimitives.ReadUInt16BigEndian(rest[2..]), BinaryPrimitives.ReadUInt16BigEndian(rest[4..]), port, rest[6]),
            State = state,
            IsInbound = rest[8] != 0,
            Seen = unchecked(now - BinaryPrimitives.ReadUInt32BigEndian(rest[9..])),
            Local = ReadSide(rest[13..]),
            Remote = ReadSide(rest[(13 + SideBytes)..]),
        };
        return state is > ConnectionState.None and <= ConnectionState.Closed;
    }

    private static TcpSide ReadSide(ReadOnlySpan<byte> from)
    {
        // RFC 7323 2.3: a scale above 14 counts as 14.
        const byte scaleMax = 14;
        return new TcpSide
        {
            Expected = BinaryPrimitives.ReadUInt32BigEndian(from),
            Window = BinaryPrimitives.ReadUInt16BigEndian(from[4..]),
            Scale = Math.Min(from[6], scaleMax),
            HasBegun = (from[7] & 1) != 0,
            HasSpoken = (from[7] & 2) != 0,
            HasEnded = (from[7] & 4) != 0,
        };
    }
}
