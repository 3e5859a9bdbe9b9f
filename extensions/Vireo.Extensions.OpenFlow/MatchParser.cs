using System.Buffers.Binary;

namespace Vireo.Extensions.OpenFlow;

/// <summary>What a flow entry matches.</summary>
/// <param name="Value">Values, zero where the mask is.</param>
/// <param name="Mask">Which bits count.</param>
internal readonly record struct FlowMatch(FlowKey Value, FlowKey Mask);

/// <summary>
/// Reads matches (OpenFlow 1.3.5, 7.2.3) and single fields. The bytes come from the network: lengths are checked before they are used, and what does
/// not fit is answered with the standard's error.
/// </summary>
internal static class MatchParser
{
    private const ushort OxmType = 1;
    private const ushort BasicClass = 0x8000;

    /// <summary>The header of a field (7.2.3.2), or zero where there is no such field.</summary>
    /// <param name="id">Its number.</param>
    /// <param name="withMask">With the mask that it can have.</param>
    public static uint HeaderOf(int id, bool withMask)
    {
        var place = Place(id);
        var hasMask = withMask && place.CanMask;
        return place.Width == 0 ? 0 : ((uint)BasicClass << 16) | ((uint)id << 9) | (hasMask ? 0x100u : 0) | (uint)(place.Width * (hasMask ? 2 : 1));
    }

    /// <summary>Reads an <c>ofp_match</c> with its padding.</summary>
    /// <param name="bytes">Beginning with the match.</param>
    /// <param name="match">What it matches.</param>
    /// <param name="length">Bytes of it, padding included.</param>
    /// <returns><see cref="ProtocolError.None"/>, or what is wrong.</returns>
    public static ProtocolError TryParse(ReadOnlySpan<byte> bytes, out FlowMatch match, out int length)
    {
        match = default;
        length = 0;
        if (bytes.Length < 4)
        {
            return ProtocolError.BadMatchLength;
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(bytes) != OxmType)
        {
            return ProtocolError.BadMatchType;
        }

        var exact = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        length = (exact + 7) & ~7;
        if (exact < 4 || length > bytes.Length)
        {
            return ProtocolError.BadMatchLength;
        }

        var value = default(FlowKey);
        var mask = default(FlowKey);
        ulong seen = 0;
        for (var at = 4; at < exact;)
        {
            if (exact - at < 4)
            {
                return ProtocolError.BadMatchLength;
            }

            var payload = bytes[at + 3];
            if (exact - at - 4 < payload)
            {
                return ProtocolError.BadMatchLength;
            }

            var error = TryParseField(bytes.Slice(at, 4 + payload), ref value, ref mask, ref seen);
            if (error != ProtocolError.None)
            {
                return error;
            }

            at += 4 + payload;
        }

        match = new FlowMatch(value, mask);
        return ProtocolError.None;
    }

    /// <summary>Reads one field with its header into a key.</summary>
    /// <param name="field">Exactly the field.</param>
    /// <param name="value">Gets the value.</param>
    /// <param name="mask">Gets the bits that count.</param>
    /// <param name="seen">Fields so far.</param>
    public static ProtocolError TryParseField(ReadOnlySpan<byte> field, ref FlowKey value, ref FlowKey mask, ref ulong seen)
    {
        if (BinaryPrimitives.ReadUInt16BigEndian(field) != BasicClass)
        {
            return ProtocolError.BadField;
        }

        var id = field[2] >> 1;
        var hasMask = (field[2] & 1) != 0;
        if (Place(id) is not { Width: > 0 } place)
        {
            return ProtocolError.BadField;
        }

        var payload = field[4..];
        if (payload.Length != place.Width * (hasMask ? 2 : 1))
        {
            return ProtocolError.BadMatchLength;
        }

        if ((seen & (1UL << id)) != 0)
        {
            return ProtocolError.DuplicateField;
        }

        if (hasMask && !place.CanMask)
        {
            return ProtocolError.BadMask;
        }

        if (!HasPrerequisite(id, value, mask))
        {
            return ProtocolError.BadPrerequisite;
        }

        seen |= 1UL << id;
        var bits = place.Bits == 128 ? UInt128.MaxValue : (UInt128.One << place.Bits) - 1;
        var given = Read(payload[..place.Width]);
        var counts = hasMask ? Read(payload[place.Width..]) : bits;
        if (given > bits)
        {
            return ProtocolError.BadValue;
        }

        if ((given & ~counts) != 0 || counts > bits)
        {
            return ProtocolError.BadMask;
        }

        Put(ref value, place, given);
        Put(ref mask, place, counts);
        return ProtocolError.None;
    }

    private static void Put(ref FlowKey key, FieldPlace place, UInt128 value)
    {
        if (place.Bits == 128)
        {
            key[place.Index] = (ulong)(value >> 64);
            key[place.Index + 1] = (ulong)value;
        }
        else
        {
            key[place.Index] |= (ulong)value << place.Shift;
        }
    }

    private static UInt128 Read(ReadOnlySpan<byte> bytes)
    {
        UInt128 value = 0;
        foreach (var one in bytes)
        {
            value = (value << 8) | one;
        }

        return value;
    }

    // 7.2.3.7: number of the field, bytes on the wire, bits, and where it is in the key.
    private static FieldPlace Place(int id) => id switch
    {
        0 => new(4, 32, 0, 32, false),
        3 => new(6, 48, 1, 16, true),
        4 => new(6, 48, 2, 16, true),
        5 => new(2, 16, 0, 16, false),
        6 => new(2, 13, 0, 0, true),
        7 => new(1, 3, 1, 8, false),
        8 => new(1, 6, 2, 2, false),
        9 => new(1, 2, 2, 0, false),
        10 => new(1, 8, 1, 0, false),
        11 or 22 => new(4, 32, 4, 0, true),
        12 or 23 => new(4, 32, 6, 0, true),
        13 or 15 => new(2, 16, 7, 16, false),
        14 or 16 => new(2, 16, 7, 0, false),
        19 or 29 => new(1, 8, 7, 16, false),
        20 or 30 => new(1, 8, 7, 0, false),
        21 => new(2, 16, 7, 16, false),
        24 => new(6, 48, 8, 0, true),
        25 => new(6, 48, 9, 0, true),
        26 => new(16, 128, 3, 0, true),
        27 => new(16, 128, 5, 0, true),
        _ => default,
    };

    // 7.2.3.6: a field needs the protocol that has it, matched before and exactly.
    private static bool HasPrerequisite(int id, in FlowKey value, in FlowKey mask)
    {
        var type = (mask[0] & 0xFFFF_0000) == 0xFFFF_0000 ? (ushort)(value[0] >> 16) : (ushort)0;
        var protocol = (mask[1] & 0xFF) == 0xFF ? (int)(value[1] & 0xFF) : -1;
        return id switch
        {
            7 => (value[0] & FlowKey.VlanPresent) != 0,
            8 or 9 or 10 => type is 0x0800 or 0x86DD,
            11 or 12 => type == 0x0800,
            13 or 14 => type is 0x0800 or 0x86DD && protocol == 6,
            15 or 16 => type is 0x0800 or 0x86DD && protocol == 17,
            19 or 20 => type == 0x0800 && protocol == 1,
            21 or 22 or 23 or 24 or 25 => type == 0x0806,
            26 or 27 => type == 0x86DD,
            29 or 30 => type == 0x86DD && protocol == 58,
            _ => true,
        };
    }

    private readonly record struct FieldPlace(int Width, int Bits, int Index, int Shift, bool CanMask);
}
