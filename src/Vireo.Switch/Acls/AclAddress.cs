using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Vireo.Switch.Inspection;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Acls;

/// <summary>What kind of address a rule names; the more specific, the greater.</summary>
internal enum AclAddressKind : byte
{
    /// <summary>Any, also of frames that are not IP.</summary>
    Any,

    /// <summary>An Ethernet address.</summary>
    Mac,

    /// <summary>An IPv4 prefix.</summary>
    IPv4,

    /// <summary>An IPv6 prefix.</summary>
    IPv6,
}

/// <summary>One side of a rule, compiled: a value under a mask.</summary>
/// <param name="Kind">Of address.</param>
/// <param name="Value">Ethernet address, or IP address with IPv4 in the form ::ffff:a.b.c.d.</param>
/// <param name="Mask">Bits that count.</param>
internal readonly record struct AclAddress(AclAddressKind Kind, UInt128 Value, UInt128 Mask)
{
    /// <summary>How much it says: bits of the mask.</summary>
    public int Bits => (int)UInt128.PopCount(Mask);

    /// <summary>Whether an address of a frame fits.</summary>
    public bool Fits(ulong mac, bool isNetwork, UInt128 network) => Kind switch
    {
        AclAddressKind.Any => true,
        AclAddressKind.Mac => mac == (ulong)Value,
        AclAddressKind.IPv4 => isNetwork && (network & Mask) == Value,
        _ => isNetwork && !Transport.IsMapped(network) && (network & Mask) == Value,
    };

    /// <summary>Reads an address as people write it.</summary>
    /// <returns>False when it is none; bits behind the prefix must be zero, so that nobody is surprised by what a rule covers.</returns>
    public static bool TryParse(string? text, out AclAddress address)
    {
        address = default;
        if (text is null or "*" || text.Equals("ANY", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        if (MacAddress.TryParse(text, out var mac))
        {
            address = new AclAddress(AclAddressKind.Mac, mac.Value, MacAddress.Broadcast.Value);
            return true;
        }

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text[..slash], out var ip) || (ip.AddressFamily == AddressFamily.InterNetworkV6 && ip.ScopeId != 0))
        {
            return false;
        }

        var isV4 = ip.AddressFamily == AddressFamily.InterNetwork;
        var width = isV4 ? 32 : 128;
        var prefix = width;
        if (slash >= 0 && (!int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out prefix) || prefix > width))
        {
            return false;
        }

        var bytes = ip.GetAddressBytes();
        var value = isV4 ? Transport.Mapped(BinaryPrimitives.ReadUInt32BigEndian(bytes)) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
        var free = width - prefix;
        var mask = free == 128 ? UInt128.Zero : UInt128.MaxValue << free;
        address = new AclAddress(isV4 ? AclAddressKind.IPv4 : AclAddressKind.IPv6, value, mask);
        return (value & mask) == value;
    }

    /// <summary>Reads an address that was found valid.</summary>
    public static AclAddress Parse(string? text) => TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not an address.");

    /// <summary>A network address as people read it.</summary>
    public static string Format(UInt128 address)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, address);
        return (Transport.IsMapped(address) ? new IPAddress(bytes[12..]) : new IPAddress(bytes)).ToString();
    }
}
