using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Inspection;

/// <summary>A message of neighbor discovery (RFC 4861 4): what it says about addresses. The bytes are hostile.</summary>
/// <param name="Type">133 to 137.</param>
/// <param name="Target">Target address of a solicitation, an advertisement or a redirect; zero otherwise.</param>
/// <param name="Link">Link-layer address of its source or target; null when it names none.</param>
internal readonly record struct NeighborMessage(byte Type, UInt128 Target, MacAddress? Link)
{
    /// <summary>Router solicitation.</summary>
    public const byte RouterSolicitation = 133;

    /// <summary>Router advertisement.</summary>
    public const byte RouterAdvertisement = 134;

    /// <summary>Neighbor solicitation.</summary>
    public const byte Solicitation = 135;

    /// <summary>Neighbor advertisement.</summary>
    public const byte Advertisement = 136;

    /// <summary>Redirect.</summary>
    public const byte Redirect = 137;

    /// <summary>Reads an ICMPv6 message that runs to the end of its packet.</summary>
    /// <returns>False when it is none of neighbor discovery's, or is cut off, or has an option of no length: receivers ignore those (RFC 4861 6.1, 7.1).</returns>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out NeighborMessage message)
    {
        message = default;
        if (bytes.IsEmpty)
        {
            return false;
        }

        var options = bytes[0] switch
        {
            RouterSolicitation => 8,
            RouterAdvertisement => 16,
            Solicitation or Advertisement => 24,
            Redirect => 40,
            _ => 0,
        };
        if (options == 0 || bytes.Length < options)
        {
            return false;
        }

        var target = options >= 24 ? BinaryPrimitives.ReadUInt128BigEndian(bytes[8..]) : default;
        MacAddress? link = null;
        for (var rest = bytes[options..]; !rest.IsEmpty;)
        {
            const int unit = 8;
            var length = rest.Length < 2 ? 0 : rest[1] * unit;
            if (length == 0 || length > rest.Length)
            {
                return false;
            }

            // 4.6.1: source (1) and target (2) link-layer address.
            if (rest[0] is 1 or 2)
            {
                var named = MacAddress.Read(rest[2..]);
                if (link is { } other && other != named)
                {
                    // Two different ones: whichever a receiver takes, one is a lie.
                    return false;
                }

                link = named;
            }

            rest = rest[length..];
        }

        message = new NeighborMessage(bytes[0], target, link);
        return true;
    }
}
