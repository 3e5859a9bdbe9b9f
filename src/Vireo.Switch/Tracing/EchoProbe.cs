using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Vireo.Switch.Offloads;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Tracing;

/// <summary>An ICMP echo request (RFC 792, RFC 4443 4.1) that is told from others by its identifier and number.</summary>
/// <param name="Sender">Address that it comes from.</param>
/// <param name="Receiver">Address that it goes to, of the same family.</param>
/// <param name="Identifier">Of the test.</param>
/// <param name="Sequence">Of the request.</param>
internal sealed record EchoProbe(IPAddress Sender, IPAddress Receiver, ushort Identifier, ushort Sequence)
{
    /// <summary>Bytes of a frame that are enough to know it by.</summary>
    public const int KnownByBytes = 128;

    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int EchoBytes = 8;

    private bool IsIPv6 => Sender.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>The request as a frame.</summary>
    public byte[] ToFrame(MacAddress destination, MacAddress source, int vlan, int payloadBytes)
    {
        var network = EthernetBytes + (vlan == 0 ? 0 : TagBytes);
        var header = IsIPv6 ? 40 : 20;
        var frame = new byte[Math.Max(60, network + header + EchoBytes + payloadBytes)];
        destination.Write(frame);
        source.Write(frame.AsSpan(6));
        if (vlan != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), FrameParser.CustomerTagProtocol);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(14), (ushort)vlan);
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(network - 2), IsIPv6 ? (ushort)0x86DD : (ushort)0x0800);
        var packet = frame.AsSpan(network, header + EchoBytes + payloadBytes);
        WriteHeader(packet, header);
        var echo = packet[header..];
        echo[0] = IsIPv6 ? (byte)128 : (byte)8;
        BinaryPrimitives.WriteUInt16BigEndian(echo[4..], Identifier);
        BinaryPrimitives.WriteUInt16BigEndian(echo[6..], Sequence);
        for (var i = EchoBytes; i < echo.Length; i++)
        {
            echo[i] = (byte)i;
        }

        // ICMPv6 sums a pseudo header too (RFC 8200 8.1).
        var start = IsIPv6 ? Checksum.Sum(packet.Slice(8, 32), 58 + (ulong)echo.Length) : (ushort)0;
        BinaryPrimitives.WriteUInt16BigEndian(echo[2..], (ushort)~Checksum.Sum(echo, start));
        return frame;
    }

    /// <summary>Whether a frame is the request, whoever made it when <see cref="Identifier"/> is zero.</summary>
    public bool IsRequest(ReadOnlySpan<byte> frame) => Is(frame, IsIPv6 ? (byte)128 : (byte)8);

    /// <summary>Whether a frame is the answer to it.</summary>
    public bool IsAnswer(ReadOnlySpan<byte> frame) => Is(frame, IsIPv6 ? (byte)129 : (byte)0);

    private bool Is(ReadOnlySpan<byte> frame, byte type)
    {
        var at = EthernetBytes + (frame.Length > EthernetBytes && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == FrameParser.CustomerTagProtocol ? TagBytes : 0);
        if (frame.Length <= at)
        {
            return false;
        }

        at += IsIPv6 ? 40 : (frame[at] & 15) * 4;
        return frame.Length >= at + EchoBytes && frame[at] == type && BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 6)..]) == Sequence
            && (Identifier == 0 || BinaryPrimitives.ReadUInt16BigEndian(frame[(at + 4)..]) == Identifier);
    }

    private void WriteHeader(Span<byte> packet, int header)
    {
        if (IsIPv6)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - header));
            packet[6] = 58;
            packet[7] = 64;
            Sender.TryWriteBytes(packet[8..], out _);
            Receiver.TryWriteBytes(packet[24..], out _);
            return;
        }

        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = 1;
        Sender.TryWriteBytes(packet[12..], out _);
        Receiver.TryWriteBytes(packet[16..], out _);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~Checksum.Sum(packet[..header]));
    }
}
