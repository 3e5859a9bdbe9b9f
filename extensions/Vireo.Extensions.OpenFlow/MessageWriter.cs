using System.Buffers.Binary;

namespace Vireo.Extensions.OpenFlow;

/// <summary>Writes one message (OpenFlow 1.3.5, 7.1): version, type, length, number of the request, and what follows.</summary>
internal sealed class MessageWriter
{
    /// <summary>OpenFlow 1.3.</summary>
    public const byte Version = 4;

    /// <summary>The length is a 16-bit number.</summary>
    public const int BytesMax = ushort.MaxValue;
    private byte[] _bytes = new byte[256];

    /// <summary>Begins a message.</summary>
    public MessageWriter(MessageType type, uint request)
    {
        _bytes[0] = Version;
        _bytes[1] = (byte)type;
        BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(4), request);
        Length = 8;
    }

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>Adds a number.</summary>
    public MessageWriter Byte(byte value)
    {
        Room(1)[0] = value;
        return this;
    }

    /// <summary>Adds a number.</summary>
    public MessageWriter Short(int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(Room(2), (ushort)value);
        return this;
    }

    /// <summary>Adds a number.</summary>
    public MessageWriter Int(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Room(4), value);
        return this;
    }

    /// <summary>Adds a number.</summary>
    public MessageWriter Long(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(Room(8), value);
        return this;
    }

    /// <summary>Adds zeros.</summary>
    public MessageWriter Zeros(int count)
    {
        Room(count).Clear();
        return this;
    }

    /// <summary>Adds bytes.</summary>
    public MessageWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        return this;
    }

    /// <summary>Adds text in a field of a fixed length, cut and closed by a zero.</summary>
    public MessageWriter Text(string text, int field)
    {
        var room = Room(field);
        room.Clear();
        for (var i = 0; i < Math.Min(text.Length, field - 1); i++)
        {
            room[i] = text[i] is >= ' ' and < (char)127 ? (byte)text[i] : (byte)'?';
        }

        return this;
    }

    /// <summary>The message.</summary>
    public byte[] Finish()
    {
        BinaryPrimitives.WriteUInt16BigEndian(_bytes.AsSpan(2), (ushort)Length);
        return _bytes[..Length];
    }

    private Span<byte> Room(int count)
    {
        if (Length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        }

        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
