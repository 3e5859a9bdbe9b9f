using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Vireo.Switch.Sdk;

/// <summary>An Ethernet address, held in the low 48 bits.</summary>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>ff-ff-ff-ff-ff-ff.</summary>
    public static MacAddress Broadcast { get; } = new(0xFFFF_FFFF_FFFF);

    /// <summary>Whether it names a group of stations (IEEE 802 8.2.2).</summary>
    public bool IsGroup => (Value & 0x0100_0000_0000) != 0;

    /// <summary>
    /// Whether bridges keep frames to it on their link: 01-80-C2-00-00-00 to -0F, used by STP, LACP, LLDP (IEEE 802.1Q table 8-1).
    /// </summary>
    public bool IsLinkLocal => (Value & 0xFFFF_FFFF_FFF0) == 0x0180_C200_0000;

    /// <summary>The address in the first six of <paramref name="bytes"/>.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> bytes) =>
        new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));

    /// <summary>Reads twelve hexadecimal digits, with or without colons or hyphens between the pairs.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out MacAddress address)
    {
        address = default;
        var digits = text?.Replace(":", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal);
        if (digits?.Length != 12 || !ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        address = new MacAddress(value);
        return true;
    }

    /// <summary>Puts the address into the first six of <paramref name="bytes"/>.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(Value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)Value);
    }

    /// <summary>Pairs of hexadecimal digits with colons, as Linux writes it.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[6];
        Write(bytes);
        return string.Create(
            CultureInfo.InvariantCulture, $"{bytes[0]:x2}:{bytes[1]:x2}:{bytes[2]:x2}:{bytes[3]:x2}:{bytes[4]:x2}:{bytes[5]:x2}");
    }
}
