using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Vireo.Switch.Nat;

/// <summary>Finds a private network that this machine has no route to yet.</summary>
internal static class SubnetChooser
{
    private const int PrefixLength = 20;

    /// <summary>
    /// A network of 4,096 addresses in 172.16.0.0/12 (RFC 1918 3) that overlaps none of <paramref name="used"/>. Where the search begins
    /// depends on <paramref name="key"/>, so that several hosts rarely choose the same.
    /// </summary>
    /// <exception cref="InvalidOperationException">All are used.</exception>
    public static IPv4Subnet Choose(IReadOnlyCollection<IPv4Subnet> used, Guid key)
    {
        const uint first = 0xAC10_0000;
        const uint count = 256;
        const uint step = 1u << (32 - PrefixLength);
        var start = BinaryPrimitives.ReadUInt32LittleEndian(key.ToByteArray()) % count;
        for (uint i = 0; i < count; i++)
        {
            var candidate = new IPv4Subnet(first + ((start + i) % count * step), PrefixLength);
            if (!used.Any(other => other.Overlaps(candidate)))
            {
                return candidate;
            }
        }

        throw new InvalidOperationException("Every network in 172.16.0.0/12 is used by this machine already; none is left for address translation.");
    }

    /// <summary>The networks in the kernel's routing table: the text of <c>/proc/net/route</c>. The default route is none of them.</summary>
    public static IReadOnlyList<IPv4Subnet> ReadRoutes(string table)
    {
        List<IPv4Subnet> routes = [];
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1))
        {
            // Interface, destination, gateway, flags, references, use, metric, mask ...; addresses as the machine holds them, in hexadecimal.
            var fields = line.Split('\t', StringSplitOptions.TrimEntries);
            if (fields.Length > 7 && TryRead(fields[1], out var destination) && TryRead(fields[7], out var mask) && mask != 0)
            {
                routes.Add(new IPv4Subnet(destination & mask, BitOperations.PopCount(mask)));
            }
        }

        return routes;
    }

    private static bool TryRead(string field, out uint value)
    {
        var read = uint.TryParse(field, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var raw);
        value = BinaryPrimitives.ReverseEndianness(raw);
        return read;
    }
}
