using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Vireo.Switch.Sdk;

/// <summary>
/// Decides about conversations of TCP/IP. The switch follows them: the extension is asked once, for the packet that begins one; answers, parts of packets and
/// ICMP errors that belong to a conversation follow its fate. What is not IP passes, as do neighbor discovery and multicast listener messages.
/// </summary>
/// <remarks>
/// Each side of a conversation between two ports is judged at its own port. A TCP packet that begins in the middle of a conversation (the switch
/// was restarted) counts as a beginning, a reset or an answer to nothing does not. A reset must lie in the window of its receiver (RFC 5961 3).
/// A part that comes before the first one is dropped; so is a first part without the ports (RFC 1858).
/// </remarks>
public abstract class FirewallExtension : SwitchExtension
{
    private static readonly DropReason s_denied = DropReason.Register("FirewallDenied");
    private static readonly DropReason s_invalid = DropReason.Register("FirewallInvalid");
    private static readonly DropReason s_full = DropReason.Register("FirewallFull");
    private ConnectionTable? _table;
    private FragmentTable? _fragments;
    private const string StateName = "Vireo.Connections";
    private uint _rules = 1;
    private ConnectionRecord[]? _restored;

    /// <inheritdoc/>
    internal sealed override ExtensionKind Kind => ExtensionKind.Firewall;

    /// <inheritdoc/>
    public sealed override HeaderDepth Needs => HeaderDepth.Network;

    /// <summary>Conversations that are followed at most; about 100 bytes each.</summary>
    protected virtual int ConnectionsMax => 65_536;

    /// <summary>Conversations that are followed now.</summary>
    protected int Connections => _table?.Count ?? 0;

    /// <summary>Whether a conversation may begin. Called on the packet thread.</summary>
    protected abstract bool Allow(in Connection connection);

    /// <summary>Whether conversations at <paramref name="port"/> are judged at all. Called for every batch.</summary>
    protected virtual bool Guards(SwitchPort port) => true;

    /// <summary>Has every conversation judged anew at its next packet.</summary>
    protected void RulesChanged() => Interlocked.Increment(ref _rules);

    /// <summary>Keeps the conversations of a port. Whoever overrides this calls it, or they begin anew.</summary>
    protected internal override void OnSave(SwitchPort? port, StateBag state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (port is not null && Volatile.Read(ref _table) is { } table)
        {
            state.Set(StateName, ConnectionRecord.Write(table, (ushort)port.Number, Now));
        }
    }

    /// <summary>
    /// Takes conversations over. Each is judged by the rules again at its next packet, so what it says of itself decides only whether it has to
    /// begin anew. Whoever overrides this calls it.
    /// </summary>
    protected internal override void OnRestore(SwitchPort? port, StateBag state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (port is not null && state.TryGet(StateName, out var kept))
        {
            // The packet thread takes them: the table is its own.
            var records = ConnectionRecord.Read(kept, (ushort)port.Number, Now, ConnectionsMax);
            ConnectionRecord[]? before;
            do
            {
                before = Volatile.Read(ref _restored);
            }
            while (Interlocked.CompareExchange(ref _restored, [.. before ?? [], .. records], before) != before);
        }
    }

    private uint Now => (uint)(Host.Clock.GetTimestamp() / Host.Clock.TimestampFrequency);

    /// <inheritdoc/>
    internal sealed override void Process(FrameBatch batch, SwitchPort port, StageDirection direction)
    {
        if (!Guards(port))
        {
            return;
        }

        // Made with the first frame, so that whoever overrides OnStart need not call this one.
        _table ??= new ConnectionTable(ConnectionsMax, BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8)));
        _fragments ??= new FragmentTable(BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8)));
        var now = Now;
        if (Volatile.Read(ref _restored) is not null)
        {
            foreach (var record in Interlocked.Exchange(ref _restored, null)!)
            {
                record.AddTo(_table, now);
            }
        }

        foreach (var index in batch.Live)
        {
            var verdict = Judge(new FrameView(batch, index, port, direction), _table, _fragments, now);
            if (verdict != DropReason.None)
            {
                batch.Drop(index, verdict);
            }
        }
    }

    private DropReason Judge(in FrameView frame, ConnectionTable table, FragmentTable fragments, uint now)
    {
        if (frame.EtherType is not (0x0800 or 0x86DD))
        {
            return DropReason.None;
        }

        if (frame.Headers.Has(FrameFlags.Malformed) || !frame.TryGetIP(out var packet))
        {
            return s_invalid;
        }

        var isInbound = frame.Direction == StageDirection.Egress;
        var key = new ConnectionKey(
            isInbound ? packet.Destination : packet.Source, isInbound ? packet.Source : packet.Destination, 0, 0, frame.VlanId, (ushort)frame.Port.Number, packet.Protocol);
        if (!packet.IsFragment)
        {
            return JudgePacket(frame, packet, key, isInbound, table, now);
        }

        if (!PacketReader.TryParseFragment(frame.Bytes[frame.Headers.NetworkOffset..], packet.IsV6, out var identification, out var offset))
        {
            return s_invalid;
        }

        if (packet.IsLaterFragment)
        {
            // RFC 3128: a second part at offset 1 would overwrite the control bits that the first part was judged by.
            return (offset > 1 || packet.Protocol != 6) && fragments.IsAllowed(key, identification, now) ? DropReason.None : s_invalid;
        }

        if (frame.Headers.TransportOffset == 0 && packet.Protocol is 1 or 6 or 17 or 58)
        {
            return s_invalid;
        }

        var verdict = JudgePacket(frame, packet, key, isInbound, table, now);
        if (verdict == DropReason.None)
        {
            fragments.Allow(key, identification, now);
        }

        return verdict;
    }

    private DropReason JudgePacket(in FrameView frame, in IPView packet, ConnectionKey key, bool isInbound, ConnectionTable table, uint now)
    {
        var flags = TcpFlags.None;
        switch (packet.Protocol)
        {
            case 6:
                if (!frame.TryGetTcp(out var segment))
                {
                    return s_invalid;
                }

                flags = segment.Flags;
                key = WithPorts(key, segment.SourcePort, segment.DestinationPort, isInbound);
                break;
            case 17:
                if (!frame.TryGetUdp(out var datagram))
                {
                    return s_invalid;
                }

                key = WithPorts(key, datagram.SourcePort, datagram.DestinationPort, isInbound);
                break;
            case 1 or 58:
                if (!frame.TryGetIcmp(out var message))
                {
                    return s_invalid;
                }

                if (packet.Protocol == 58 && message.Type is (>= 130 and <= 137) or 143)
                {
                    return DropReason.None;
                }

                if (IsError(packet.Protocol, message.Type))
                {
                    return IsRelated(frame, packet.IsV6, key, isInbound, table, now) ? DropReason.None : s_invalid;
                }

                if (message.Type is 0 or 8 or 128 or 129)
                {
                    var echo = frame.At(frame.Headers.TransportOffset, 8);
                    if (echo.IsEmpty)
                    {
                        return s_invalid;
                    }

                    // Who asks is part of the conversation: the other side may use the same identifier.
                    var isFromRemote = isInbound == (message.Type is 8 or 128);
                    key = key with { LocalPort = BinaryPrimitives.ReadUInt16BigEndian(echo[4..]), RemotePort = isFromRemote ? (ushort)1 : (ushort)0 };
                    if (message.Type is 0 or 129 && table.Find(key, now) < 0)
                    {
                        return s_invalid;
                    }
                }

                break;
        }

        var found = table.Find(key, now);
        var rules = Volatile.Read(ref _rules);
        if (found >= 0 && table.At(found).Rules != rules)
        {
            if (!Allow(new Connection(key, table.At(found).IsInbound, packet.IsV6, frame.Port)))
            {
                table.Remove(found);
                return s_denied;
            }

            table.At(found).Rules = rules;
        }

        // A new SYN on ports that were in use a moment ago begins a new conversation.
        if (found >= 0 && table.At(found).State == ConnectionState.Closed && flags == TcpFlags.Syn)
        {
            table.Remove(found);
            found = -1;
        }

        if (found < 0)
        {
            if (packet.Protocol == 6 && ((flags & TcpFlags.Rst) != 0 || (flags & (TcpFlags.Syn | TcpFlags.Ack)) == (TcpFlags.Syn | TcpFlags.Ack) || (flags & (TcpFlags.Syn | TcpFlags.Ack)) == 0))
            {
                return s_invalid;
            }

            if (!Allow(new Connection(key, isInbound, packet.IsV6, frame.Port)))
            {
                return s_denied;
            }

            found = table.Add(key, now);
            if (found < 0)
            {
                return s_full;
            }

            ref var added = ref table.At(found);
            added.IsInbound = isInbound;
            added.Rules = rules;
        }

        ref var entry = ref table.At(found);
        if (packet.Protocol == 6 && !Follow(frame, ref entry, isInbound))
        {
            return s_invalid;
        }

        if (packet.Protocol != 6 && entry.State == ConnectionState.Opening && isInbound != entry.IsInbound)
        {
            entry.State = ConnectionState.Open;
        }

        entry.Seen = now;
        return DropReason.None;
    }

    private static ConnectionKey WithPorts(in ConnectionKey key, ushort source, ushort destination, bool isInbound) =>
        key with { LocalPort = isInbound ? destination : source, RemotePort = isInbound ? source : destination };

    private static bool IsError(byte protocol, byte type) => protocol == 1 ? type is 3 or 4 or 5 or 11 or 12 : type is >= 1 and <= 4;

    private static bool IsRelated(in FrameView frame, bool isV6, in ConnectionKey key, bool isInbound, ConnectionTable table, uint now)
    {
        var end = frame.Headers.NetworkEnd;
        var start = frame.Headers.TransportOffset + 8;
        if (start > end || end > frame.Length || !PacketReader.TryParseQuoted(frame.Bytes[start..end], isV6, out var quoted))
        {
            return false;
        }

        // What comes in quotes what was sent from here, and the other way round.
        var (local, remote, localPort, remotePort) = isInbound
            ? (quoted.Source, quoted.Destination, quoted.SourcePort, quoted.DestinationPort)
            : (quoted.Destination, quoted.Source, quoted.DestinationPort, quoted.SourcePort);
        if (quoted.Protocol is 1 or 58)
        {
            (localPort, remotePort) = (quoted.SourcePort, isInbound == (quoted.DestinationPort == 1) ? (ushort)1 : (ushort)0);
        }

        return table.Find(key with { Local = local, Remote = remote, LocalPort = localPort, RemotePort = remotePort, Protocol = quoted.Protocol }, now) >= 0;
    }

    /// <summary>Follows a TCP connection (RFC 9293 3.3.2).</summary>
    /// <returns>False when the segment cannot belong to it.</returns>
    private static bool Follow(in FrameView frame, ref ConnectionEntry entry, bool isInbound)
    {
        frame.TryGetTcp(out var segment);
        ref var sender = ref isInbound ? ref entry.Remote : ref entry.Local;
        ref var receiver = ref isInbound ? ref entry.Local : ref entry.Remote;
        var flags = segment.Flags;
        if ((flags & TcpFlags.Rst) != 0)
        {
            // RFC 5961 3: a blind reset must not hit. A SYN that is refused is answered by one that acknowledges it.
            if (receiver.HasSpoken && unchecked(segment.Sequence - receiver.Expected) > (uint)Math.Max(1, receiver.Window << receiver.Scale))
            {
                return false;
            }

            entry.State = ConnectionState.Closed;
            return true;
        }

        if ((flags & TcpFlags.Syn) != 0)
        {
            var headerBytes = frame.At(frame.Headers.TransportOffset, 20)[12] >> 4 << 2;
            sender.HasBegun = true;
            sender.Scale = PacketReader.ParseWindowScale(frame.At(frame.Headers.TransportOffset, Math.Max(20, headerBytes)));
        }
        else if (!sender.HasBegun)
        {
            // Seen from the middle on: the scale was told before, and can be the greatest there is.
            sender.Scale = 14;
        }

        if ((flags & TcpFlags.Ack) != 0)
        {
            sender.Expected = segment.Acknowledgment;
            sender.Window = segment.Window;
            sender.HasSpoken = true;
        }

        sender.HasEnded |= (flags & TcpFlags.Fin) != 0;
        var isAnswered = (flags & TcpFlags.Ack) != 0 && (isInbound != entry.IsInbound || entry.State != ConnectionState.Opening);
        entry.State = (sender.HasEnded, receiver.HasEnded) switch
        {
            (true, true) => ConnectionState.Closed,
            (true, _) or (_, true) => ConnectionState.Closing,
            _ => isAnswered || (entry.State == ConnectionState.Open) ? ConnectionState.Open : ConnectionState.Opening,
        };
        return true;
    }
}
