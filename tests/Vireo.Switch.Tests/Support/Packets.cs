using System.Buffers.Binary;
using System.Net;
using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Support;

/// <summary>Packets that honest and dishonest guests send.</summary>
internal static class Packets
{
    /// <summary>ARP; the Ethernet source is the sender's unless said otherwise.</summary>
    public static byte[] Arp(MacAddress sender, string address, string target, bool isReply = false, MacAddress? source = null)
    {
        var packet = new byte[28];
        BinaryPrimitives.WriteUInt64BigEndian(packet, 0x0001_0800_0604_0000 | (isReply ? 2UL : 1UL));
        sender.Write(packet.AsSpan(8));
        IPAddress.Parse(address).GetAddressBytes().CopyTo(packet, 14);
        IPAddress.Parse(target).GetAddressBytes().CopyTo(packet, 24);
        return Ethernet(MacAddress.Broadcast, source ?? sender, 0x0806, payload: packet);
    }

    /// <summary>UDP over IPv4 or IPv6.</summary>
    public static byte[] Udp(MacAddress to, MacAddress from, string source, string destination, int sourcePort, int destinationPort, byte[]? payload = null)
    {
        var datagram = new byte[8 + (payload?.Length ?? 20)];
        payload?.CopyTo(datagram, 8);
        BinaryPrimitives.WriteUInt16BigEndian(datagram, (ushort)sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), (ushort)destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        return Ip(to, from, source, destination, 17, datagram);
    }

    /// <summary>A neighbor discovery message of a type with a target and a link-layer address.</summary>
    public static byte[] Neighbor(MacAddress from, string source, byte type, string target, MacAddress? link, byte option = 2, byte[]? extension = null)
    {
        var fixedBytes = type switch
        {
            133 => 8,
            134 => 16,
            137 => 40,
            _ => 24,
        };
        var message = new byte[fixedBytes + (link is null ? 0 : 8)];
        message[0] = type;
        if (fixedBytes >= 24)
        {
            IPAddress.Parse(target).GetAddressBytes().CopyTo(message, 8);
        }

        if (link is { } address)
        {
            message[fixedBytes] = option;
            message[fixedBytes + 1] = 1;
            address.Write(message.AsSpan(fixedBytes + 2));
        }

        return Ip(new MacAddress(0x3333_0000_0001), from, source, "ff02::1", 58, message, extension);
    }

    /// <summary>A DHCP message from a server to a client.</summary>
    public static byte[] DhcpAnswer(MacAddress to, MacAddress from, string given, byte type = 5)
    {
        var message = new byte[260];
        message[0] = 2;
        message[1] = 1;
        message[2] = 6;
        IPAddress.Parse(given).GetAddressBytes().CopyTo(message, 16);
        to.Write(message.AsSpan(28));
        byte[] options = [0x63, 0x82, 0x53, 0x63, 53, 1, type, 51, 4, 0, 0, 14, 16, 255];
        options.CopyTo(message, 236);
        return Udp(to, from, "10.0.0.254", "255.255.255.255", 67, 68, message);
    }

    /// <summary>An IP packet; <paramref name="extension"/> is IPv6 extension headers whose first byte is set to what follows.</summary>
    public static byte[] Ip(MacAddress to, MacAddress from, string source, string destination, byte protocol, byte[] payload, byte[]? extension = null)
    {
        var isV6 = source.Contains(':', StringComparison.Ordinal);
        var header = isV6 ? 40 : 20;
        var packet = new byte[header + (extension?.Length ?? 0) + payload.Length];
        if (isV6)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(packet.Length - 40));
            packet[6] = extension is null ? protocol : (byte)(extension.Length > 8 ? 60 : 44);
            packet[7] = 255;
        }
        else
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
            packet[8] = 64;
            packet[9] = protocol;
        }

        IPAddress.Parse(source).GetAddressBytes().CopyTo(packet, isV6 ? 8 : 12);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(packet, isV6 ? 24 : 16);
        if (!isV6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), (ushort)~Checksum.Sum(packet.AsSpan(0, 20)));
        }

        extension?.CopyTo(packet, 40);
        payload.CopyTo(packet, header + (extension?.Length ?? 0));
        return Ethernet(to, from, isV6 ? (ushort)0x86DD : (ushort)0x0800, payload: packet);
    }

    /// <summary>The same IPv4 or IPv6 frame with a value of the congestion field (RFC 3168 5).</summary>
    public static byte[] WithEcn(byte[] frame, int ecn)
    {
        if (frame[12] == 0x86)
        {
            frame[15] = (byte)(ecn << 4);
            return frame;
        }

        frame[15] = (byte)ecn;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), (ushort)~Checksum.Sum(frame.AsSpan(14, 20)));
        return frame;
    }

    /// <summary>The congestion field.</summary>
    public static int EcnOf(byte[] frame) => frame[12] == 0x86 ? (frame[15] >> 4) & 3 : frame[15] & 3;

    /// <summary>The header's checksum is right, where there is one.</summary>
    public static void AssertSoundIp(byte[] frame)
    {
        if (frame[12] == 0x08)
        {
            Assert.Equal(0xFFFF, Checksum.Sum(frame.AsSpan(14, 20)));
        }
    }
}
