using System.Runtime.CompilerServices;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.OpenFlow;

/// <summary>
/// The fields of a frame that flow entries match, as eleven numbers; the mask of an entry has the same shape. Fields of protocols that exclude one another share a
/// place, which is sound because an entry that matches one must also match its protocol (OpenFlow 1.3.5, 7.2.3.6).
/// </summary>
[InlineArray(Length)]
internal struct FlowKey : IEquatable<FlowKey>
{
    /// <summary>Numbers in a key.</summary>
    public const int Length = 11;

    /// <summary>In the VLAN field: the frame belongs to a VLAN (7.2.3.8, <c>OFPVID_PRESENT</c>).</summary>
    public const ushort VlanPresent = 0x1000;

#pragma warning disable IDE0044, IDE0051 // The one element that an inline array repeats.
    private ulong _first;
#pragma warning restore IDE0044, IDE0051

    /// <summary>The fields of a frame.</summary>
    public static FlowKey Of(in FrameView frame, uint port)
    {
        var key = default(FlowKey);
        var vlan = frame.VlanId == 0 ? 0u : VlanPresent | (uint)frame.VlanId;
        key[0] = ((ulong)port << 32) | ((ulong)frame.EtherType << 16) | vlan;
        key[1] = frame.Destination.Value << 16 | (ulong)frame.Priority << 8;
        key[2] = frame.Source.Value << 16;
        if (frame.TryGetIP(out var packet))
        {
            key[1] |= packet.Protocol;
            key[2] |= packet.TrafficClass;
            (key[3], key[4]) = Split(packet.IsV6 ? packet.Source : (uint)packet.Source);
            (key[5], key[6]) = Split(packet.IsV6 ? packet.Destination : (uint)packet.Destination);
            if (frame.TryGetTcp(out var segment))
            {
                key[7] = Ports(segment.SourcePort, segment.DestinationPort);
            }
            else if (frame.TryGetUdp(out var datagram))
            {
                key[7] = Ports(datagram.SourcePort, datagram.DestinationPort);
            }
            else if (frame.TryGetIcmp(out var message))
            {
                key[7] = Ports(message.Type, message.Code);
            }
        }
        else if (frame.TryGetArp(out var arp))
        {
            (key[3], key[4]) = (0, arp.SenderAddress);
            (key[5], key[6]) = (0, arp.TargetAddress);
            key[7] = Ports(arp.Operation, 0);
            key[8] = arp.SenderHardware.Value;
            key[9] = arp.TargetHardware.Value;
        }

        return key;
    }

    /// <summary>This key with only the bits of <paramref name="mask"/>.</summary>
    public readonly FlowKey And(in FlowKey mask)
    {
        var result = default(FlowKey);
        for (var i = 0; i < Length; i++)
        {
            result[i] = this[i] & mask[i];
        }

        return result;
    }

    /// <summary>Whether every bit of <paramref name="other"/> is set here, too.</summary>
    public readonly bool Covers(in FlowKey other)
    {
        for (var i = 0; i < Length; i++)
        {
            if ((this[i] & other[i]) != other[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public readonly bool Equals(FlowKey other) => ((ReadOnlySpan<ulong>)this).SequenceEqual(other);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is FlowKey other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode()
    {
        var hash = default(HashCode);
        for (var i = 0; i < Length; i++)
        {
            hash.Add(this[i]);
        }

        return hash.ToHashCode();
    }

    private static (ulong High, ulong Low) Split(UInt128 value) => ((ulong)(value >> 64), (ulong)value);

    private static ulong Ports(ushort source, ushort destination) => ((ulong)source << 16) | destination;
}
