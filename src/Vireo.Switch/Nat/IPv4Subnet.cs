using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace Vireo.Switch.Nat;

/// <summary>A range of IPv4 addresses in prefix notation.</summary>
/// <param name="Network">First address, host order.</param>
/// <param name="PrefixLength">0 to 32.</param>
internal readonly record struct IPv4Subnet(uint Network, int PrefixLength)
{
    /// <summary>Bits of the network part.</summary>
    public uint Mask => MaskOf(PrefixLength);

    /// <summary>The last address.</summary>
    public uint Last => Network | ~Mask;

    /// <summary>Reads <c>a.b.c.d/n</c>.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public static IPv4Subnet Parse(string text)
    {
        var parts = text.Split('/');
        var length = parts.Length == 2 ? int.Parse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture) : -1;
        return length is >= 0 and <= 32
            ? new IPv4Subnet(BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(parts[0]).GetAddressBytes()) & MaskOf(length), length)
            : throw new FormatException($"'{text}' is not a network in prefix notation.");
    }

    /// <summary>Whether any address belongs to both.</summary>
    public bool Overlaps(IPv4Subnet other) => (Network & other.Mask) == other.Network || (other.Network & Mask) == Network;

    /// <summary>The address <paramref name="index"/> places behind the first.</summary>
    public IPAddress At(uint index)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Network + index);
        return new IPAddress(bytes);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{At(0)}/{PrefixLength}");

    private static uint MaskOf(int prefixLength) => prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength);
}
