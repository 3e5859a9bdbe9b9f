using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Inspection;

/// <summary>What a DHCP server's acknowledgement gives a client (RFC 2131 2, RFC 2132 9.6). The bytes are hostile.</summary>
/// <param name="Client">Hardware address of the client.</param>
/// <param name="Address">IPv4 address given.</param>
/// <param name="Seconds">How long.</param>
internal readonly record struct DhcpLease(MacAddress Client, uint Address, uint Seconds)
{
    private const int FixedBytes = 240;
    private const uint Cookie = 0x63825363;

    /// <summary>Reads the payload of a datagram to a client's port.</summary>
    /// <returns>False when it is not an acknowledgement with an address and a time.</returns>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out DhcpLease lease)
    {
        const byte reply = 2;
        const byte acknowledge = 5;
        lease = default;
        if (bytes.Length < FixedBytes || bytes[0] != reply || bytes[1] != 1 || bytes[2] != 6 || BinaryPrimitives.ReadUInt32BigEndian(bytes[236..]) != Cookie)
        {
            return false;
        }

        byte type = 0;
        uint seconds = 0;
        for (var options = bytes[FixedBytes..]; !options.IsEmpty && options[0] != 255;)
        {
            if (options[0] == 0)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options.Length < 2 + options[1])
            {
                return false;
            }

            var value = options.Slice(2, options[1]);
            switch (options[0])
            {
                case 53 when value.Length == 1:
                    type = value[0];
                    break;
                case 51 when value.Length == 4:
                    seconds = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
            }

            options = options[(2 + value.Length)..];
        }

        lease = new DhcpLease(MacAddress.Read(bytes[28..]), BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]), seconds);
        return type == acknowledge && lease.Address != 0 && seconds != 0;
    }
}
