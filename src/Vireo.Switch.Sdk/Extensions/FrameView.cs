namespace Vireo.Switch.Sdk;

/// <summary>
/// A frame as an extension reads it: nothing is copied, nothing is allocated, and nothing can be kept beyond the call. Bytes that are read are private to
/// the switch, so the sender cannot change them any more.
/// </summary>
public readonly ref struct FrameView
{
    private readonly FrameBatch _batch;
    private readonly int _index;

    internal FrameView(FrameBatch batch, int index, SwitchPort port, StageDirection direction)
    {
        _batch = batch;
        _index = index;
        Port = port;
        Direction = direction;
    }

    /// <summary>The port that the frame enters the switch by, or leaves it by.</summary>
    public SwitchPort Port { get; }

    /// <summary>Into the switch, or out of it.</summary>
    public StageDirection Direction { get; }

    /// <summary>Length in bytes, without check sequence and outer VLAN tag. A frame that is yet to be cut can have 64 KiB.</summary>
    public int Length => _batch[_index].Length;

    /// <summary>The VLAN that the frame belongs to inside the switch, zero for none. Its tag is not in the bytes.</summary>
    public ushort VlanId => _batch[_index].VlanId;

    /// <summary>Priority code point, zero to seven.</summary>
    public byte Priority => _batch[_index].Priority;

    /// <summary>Work that the sender left to the network: the checksum in the bytes may be incomplete, the frame may be yet to be cut.</summary>
    public FrameOffload Offload => _batch[_index].Offload;

    /// <summary>Where the headers are.</summary>
    public FrameHeaders Headers => _batch[_index].Headers;

    /// <summary>The first bytes: all of a short frame, at least 248 of a long one. Costs nothing.</summary>
    public ReadOnlySpan<byte> Head => _batch.Head(_index);

    /// <summary>All bytes. May cost a copy of what is behind <see cref="Head"/>, once for all who look.</summary>
    public ReadOnlySpan<byte> Bytes => _batch.Bytes(_index);

    /// <summary>Destination address.</summary>
    public MacAddress Destination => MacAddress.Read(Head);

    /// <summary>Source address.</summary>
    public MacAddress Source => MacAddress.Read(Head[6..]);

    /// <summary>Type behind the tags.</summary>
    public ushort EtherType => Headers.EtherType;

    /// <summary>The IP header, if the frame has one with all its bytes.</summary>
    public bool TryGetIP(out IPView packet)
    {
        var headers = Headers;
        packet = headers.Network is NetworkProtocol.IPv4 or NetworkProtocol.IPv6 ? new IPView(At(headers.NetworkOffset, IPView.HeaderBytes(headers.Network)), headers) : default;
        return packet.IsValid;
    }

    /// <summary>The ARP message, if the frame is one.</summary>
    public bool TryGetArp(out ArpView message)
    {
        var headers = Headers;
        message = headers.Network == NetworkProtocol.Arp ? new ArpView(At(headers.NetworkOffset, ArpView.Bytes)) : default;
        return message.IsValid;
    }

    /// <summary>The TCP header, if the packet is not a later fragment and the fixed part is there.</summary>
    public bool TryGetTcp(out TcpView segment)
    {
        var headers = Headers;
        segment = headers is { TransportProtocol: 6, TransportOffset: not 0 } ? new TcpView(At(headers.TransportOffset, TcpView.Bytes)) : default;
        return segment.IsValid;
    }

    /// <summary>The UDP header, likewise.</summary>
    public bool TryGetUdp(out UdpView datagram)
    {
        var headers = Headers;
        datagram = headers is { TransportProtocol: 17, TransportOffset: not 0 } ? new UdpView(At(headers.TransportOffset, UdpView.Bytes)) : default;
        return datagram.IsValid;
    }

    /// <summary>The first bytes of an ICMP or ICMPv6 message, likewise.</summary>
    public bool TryGetIcmp(out IcmpView message)
    {
        var headers = Headers;
        var isIcmp = headers.TransportOffset != 0
            && ((headers.TransportProtocol == 1 && headers.Network == NetworkProtocol.IPv4) || (headers.TransportProtocol == 58 && headers.Network == NetworkProtocol.IPv6));
        message = isIcmp ? new IcmpView(At(headers.TransportOffset, IcmpView.Bytes)) : default;
        return message.IsValid;
    }

    /// <summary>Bytes that the parser found inside the frame; empty when they are not.</summary>
    internal ReadOnlySpan<byte> At(int offset, int length)
    {
        var head = Head;
        if (offset + length <= head.Length)
        {
            return head.Slice(offset, length);
        }

        return offset + length <= Length ? Bytes.Slice(offset, length) : [];
    }
}
