using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.OpenFlow;

/// <summary>The switch as a controller sees it.</summary>
internal interface IDatapath
{
    /// <summary>Identity of the switch for controllers.</summary>
    ulong Id { get; }

    /// <summary>Its name.</summary>
    string Name { get; }

    /// <summary>Its ports.</summary>
    IReadOnlyList<SwitchPort> Ports { get; }

    /// <summary>The clock.</summary>
    TimeProvider Clock { get; }

    /// <summary>Sends a controller's frame.</summary>
    void Send(uint inPort, FlowActions actions, ReadOnlySpan<byte> frame);
}

/// <summary>
/// Answers the messages of controllers (OpenFlow 1.3.5, 7). What comes is hostile until it was checked; what cannot be is answered by an error with the beginning of the message.
/// Messages are carried out in the order in which they come, so a barrier has nothing to wait for.
/// </summary>
internal sealed class MessageHandler(Pipeline pipeline, IDatapath datapath)
{
    private const int QuotedBytes = 64;
    private const ushort MorePartsFollow = 1;
    private ushort _missSendLength = 128;

    /// <summary>The first message of a connection: the versions that are spoken here.</summary>
    public static byte[] Hello() => new MessageWriter(MessageType.Hello, 0).Short(1).Short(8).Int(1u << MessageWriter.Version).Finish();

    /// <summary>Carries out a message.</summary>
    /// <param name="message">The whole message, header included.</param>
    /// <param name="answers">Gets what is to be sent.</param>
    /// <returns>False when the connection must end.</returns>
    public bool Handle(ReadOnlySpan<byte> message, List<byte[]> answers)
    {
        if (message.Length < 8 || BinaryPrimitives.ReadUInt16BigEndian(message[2..]) != message.Length)
        {
            return false;
        }

        var type = (MessageType)message[1];
        var request = BinaryPrimitives.ReadUInt32BigEndian(message[4..]);
        if (type == MessageType.Hello)
        {
            if (SpeaksOurs(message))
            {
                return true;
            }

            answers.Add(new MessageWriter(MessageType.Error, request).Short(0).Short(0).Bytes("only OpenFlow 1.3 is spoken here"u8).Finish());
            return false;
        }

        var error = message[0] != MessageWriter.Version ? ProtocolError.BadVersion : Answer(type, request, message[8..], answers);
        if (error != ProtocolError.None)
        {
            answers.Add(new MessageWriter(MessageType.Error, request).Short(error.Type).Short(error.Code).Bytes(message[..Math.Min(message.Length, QuotedBytes)]).Finish());
        }

        return true;
    }

    /// <summary>Tells that a port has come (0), gone (1) or changed (2).</summary>
    public static byte[] PortStatus(SwitchPort port, byte reason) => WritePort(new MessageWriter(MessageType.PortStatus, 0).Byte(reason).Zeros(7), port).Finish();

    /// <summary>Tells that an entry is gone.</summary>
    public byte[] FlowRemoved(FlowEntry entry, byte reason)
    {
        var (seconds, nanoseconds) = Age(entry);
        return new MessageWriter(MessageType.FlowRemoved, 0).Long(entry.Cookie).Short(entry.Priority).Byte(reason).Byte((byte)entry.Table).Int(seconds).Int(nanoseconds)
            .Short(entry.IdleSeconds).Short(entry.HardSeconds).Long((ulong)entry.Packets).Long((ulong)entry.Bytes).Bytes(entry.MatchBytes).Finish();
    }

    /// <summary>Gives a controller a frame.</summary>
    /// <param name="inPort">Where it came from.</param>
    /// <param name="table">Which table's entry sent it.</param>
    /// <param name="cookie">Of the entry.</param>
    /// <param name="isMiss">The entry matches everything with the lowest priority: the table-miss entry.</param>
    /// <param name="frameBytes">Length of the frame.</param>
    /// <param name="data">As much of it as was kept.</param>
    public static byte[] PacketIn(uint inPort, int table, ulong cookie, bool isMiss, int frameBytes, ReadOnlySpan<byte> data) =>
        new MessageWriter(MessageType.PacketIn, 0).Int(uint.MaxValue).Short(Math.Min(frameBytes, ushort.MaxValue)).Byte(isMiss ? (byte)0 : (byte)1).Byte((byte)table).Long(cookie)
            .Short(1).Short(12).Int(0x8000_0004).Int(inPort).Zeros(4).Zeros(2).Bytes(data).Finish();

    // 7.5.1: a bitmap of versions where there is one, else the highest version.
    private static bool SpeaksOurs(ReadOnlySpan<byte> hello)
    {
        for (var at = 8; at + 8 <= hello.Length;)
        {
            var type = BinaryPrimitives.ReadUInt16BigEndian(hello[at..]);
            var length = BinaryPrimitives.ReadUInt16BigEndian(hello[(at + 2)..]);
            if (length < 4 || at + length > hello.Length)
            {
                break;
            }

            if (type == 1 && length >= 8)
            {
                return (BinaryPrimitives.ReadUInt32BigEndian(hello[(at + 4)..]) & (1u << MessageWriter.Version)) != 0;
            }

            at += (length + 7) & ~7;
        }

        return hello[0] >= MessageWriter.Version;
    }

    private ProtocolError Answer(MessageType type, uint request, ReadOnlySpan<byte> body, List<byte[]> answers)
    {
        switch (type)
        {
            case MessageType.Error or MessageType.EchoReply:
                return ProtocolError.None;
            case MessageType.EchoRequest:
                answers.Add(new MessageWriter(MessageType.EchoReply, request).Bytes(body).Finish());
                return ProtocolError.None;
            case MessageType.FeaturesRequest:
                // Flow, table and port statistics.
                answers.Add(new MessageWriter(MessageType.FeaturesReply, request).Long(datapath.Id).Int(0).Byte(Pipeline.Tables).Byte(0).Zeros(2).Int(7).Int(0).Finish());
                return ProtocolError.None;
            case MessageType.GetConfigRequest:
                answers.Add(new MessageWriter(MessageType.GetConfigReply, request).Short(0).Short(_missSendLength).Finish());
                return ProtocolError.None;
            case MessageType.SetConfig:
                if (body.Length < 4)
                {
                    return ProtocolError.BadLength;
                }

                _missSendLength = BinaryPrimitives.ReadUInt16BigEndian(body[2..]);
                return ProtocolError.None;
            case MessageType.BarrierRequest:
                answers.Add(new MessageWriter(MessageType.BarrierReply, request).Finish());
                return ProtocolError.None;
            case MessageType.FlowMod:
                return pipeline.Modify(body);
            case MessageType.PacketOut:
                return PacketOut(body);
            case MessageType.MultipartRequest:
                return Multipart(request, body, answers);
            case MessageType.RoleRequest:
                return Role(request, body, answers);
            default:
                return ProtocolError.BadType;
        }
    }

    private ProtocolError PacketOut(ReadOnlySpan<byte> body)
    {
        if (body.Length < 16)
        {
            return ProtocolError.BadLength;
        }

        if (BinaryPrimitives.ReadUInt32BigEndian(body) != uint.MaxValue)
        {
            return ProtocolError.BufferUnknown;
        }

        var inPort = BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
        var actionBytes = BinaryPrimitives.ReadUInt16BigEndian(body[8..]);
        if (body.Length < 16 + actionBytes)
        {
            return ProtocolError.BadLength;
        }

        var error = ActionParser.TryParse(body.Slice(16, actionBytes), out var actions);
        if (error != ProtocolError.None)
        {
            return error;
        }

        if (actions.Outputs.AsSpan().Contains(ReservedPort.Table))
        {
            return ProtocolError.BadOutPort;
        }

        var frame = body[(16 + actionBytes)..];
        if (frame.Length is < FrameParser.EthernetHeaderBytes or > FrameBatch.FrameBytesMax)
        {
            return ProtocolError.BadLength;
        }

        datapath.Send(inPort, actions, frame);
        return ProtocolError.None;
    }

    // 7.3.9: the part of a slave is for a controller that shares the switch with a master; here all are equal.
    private static ProtocolError Role(uint request, ReadOnlySpan<byte> body, List<byte[]> answers)
    {
        if (body.Length < 16)
        {
            return ProtocolError.BadLength;
        }

        var role = BinaryPrimitives.ReadUInt32BigEndian(body);
        if (role > 2)
        {
            return new ProtocolError(11, role == 3 ? (ushort)1 : (ushort)2);
        }

        answers.Add(new MessageWriter(MessageType.RoleReply, request).Int(role == 0 ? 1 : role).Zeros(4).Bytes(body[8..16]).Finish());
        return ProtocolError.None;
    }

    private ProtocolError Multipart(uint request, ReadOnlySpan<byte> body, List<byte[]> answers)
    {
        if (body.Length < 8)
        {
            return ProtocolError.BadLength;
        }

        var type = (MultipartType)BinaryPrimitives.ReadUInt16BigEndian(body);
        body = body[8..];
        switch (type)
        {
            case MultipartType.Description:
                answers.Add(Part(request, type).Text("The Vireo project", 256).Text("Vireo virtual switch", 256).Text("Vireo.Extensions.OpenFlow", 256).Text("", 32).Text(datapath.Name, 256).Finish());
                return ProtocolError.None;
            case MultipartType.Flow or MultipartType.Aggregate:
                return Flows(request, type, body, answers);
            case MultipartType.Table:
                var tables = Part(request, type);
                for (var table = 0; table < Pipeline.Tables; table++)
                {
                    var (lookups, matched, entries) = pipeline.Counters(table);
                    tables.Byte((byte)table).Zeros(3).Int((uint)entries).Long((ulong)lookups).Long((ulong)matched);
                }

                answers.Add(tables.Finish());
                return ProtocolError.None;
            case MultipartType.TableFeatures when !body.IsEmpty:
                // 7.4.4.12: the tables are as they are.
                return new ProtocolError(13, 5);
            case MultipartType.TableFeatures:
                var features = Part(request, type);
                for (var table = 0; table < Pipeline.Tables; table++)
                {
                    features.Bytes(TableFeatures.Of(table));
                }

                answers.Add(features.Finish());
                return ProtocolError.None;
            case MultipartType.PortStatistics:
                return body.Length < 8 ? ProtocolError.BadLength : PortStatistics(request, BinaryPrimitives.ReadUInt32BigEndian(body), answers);
            case MultipartType.PortDescription:
                Split(request, type, datapath.Ports, 64, answers, (part, port) => WritePort(part, port));
                return ProtocolError.None;
            default:
                return ProtocolError.BadMultipart;
        }
    }

    private ProtocolError Flows(uint request, MultipartType type, ReadOnlySpan<byte> body, List<byte[]> answers)
    {
        if (body.Length < 32)
        {
            return ProtocolError.BadLength;
        }

        var error = MatchParser.TryParse(body[32..], out var match, out _);
        if (error != ProtocolError.None)
        {
            return error;
        }

        var selected = pipeline.Select(
            body[0], match, BinaryPrimitives.ReadUInt64BigEndian(body[16..]), BinaryPrimitives.ReadUInt64BigEndian(body[24..]), BinaryPrimitives.ReadUInt32BigEndian(body[4..]));
        if (type == MultipartType.Aggregate)
        {
            answers.Add(Part(request, type).Long((ulong)selected.Sum(entry => entry.Packets)).Long((ulong)selected.Sum(entry => entry.Bytes)).Int((uint)selected.Count).Zeros(4).Finish());
            return ProtocolError.None;
        }

        Split(request, type, selected, 4096, answers, (part, entry) =>
        {
            var (seconds, nanoseconds) = Age(entry);
            part.Short(48 + entry.MatchBytes.Length + entry.InstructionBytes.Length).Byte((byte)entry.Table).Byte(0).Int(seconds).Int(nanoseconds).Short(entry.Priority)
                .Short(entry.IdleSeconds).Short(entry.HardSeconds).Short(entry.Flags).Zeros(4).Long(entry.Cookie).Long((ulong)entry.Packets).Long((ulong)entry.Bytes)
                .Bytes(entry.MatchBytes).Bytes(entry.InstructionBytes);
        });
        return ProtocolError.None;
    }

    private ProtocolError PortStatistics(uint request, uint number, List<byte[]> answers)
    {
        var ports = datapath.Ports.Where(port => number == ReservedPort.Any || port.Number == number).ToList();
        if (ports.Count == 0 && number != ReservedPort.Any)
        {
            return new ProtocolError(1, 11);
        }

        Split(request, MultipartType.PortStatistics, ports, 112, answers, (part, port) =>
        {
            var counters = port.Counters;
            part.Int((uint)port.Number).Zeros(4).Long((ulong)counters.FramesIn).Long((ulong)counters.FramesOut).Long((ulong)counters.BytesIn).Long((ulong)counters.BytesOut)
                .Long((ulong)counters.Dropped).Zeros(8 * 6).Long(ulong.MaxValue).Int(uint.MaxValue).Int(uint.MaxValue);
        });
        return ProtocolError.None;
    }

    /// <summary>Writes items into as many parts as they need (7.3.5).</summary>
    private static void Split<T>(uint request, MultipartType type, IReadOnlyList<T> items, int roomBytes, List<byte[]> answers, Action<MessageWriter, T> write)
    {
        var part = Part(request, type);
        foreach (var item in items)
        {
            if (part.Length + roomBytes > MessageWriter.BytesMax)
            {
                var full = part.Finish();
                BinaryPrimitives.WriteUInt16BigEndian(full.AsSpan(10), MorePartsFollow);
                answers.Add(full);
                part = Part(request, type);
            }

            write(part, item);
        }

        answers.Add(part.Finish());
    }

    private static MessageWriter Part(uint request, MultipartType type) => new MessageWriter(MessageType.MultipartReply, request).Short((ushort)type).Short(0).Zeros(4);

    // 7.2.1: live or link down; 10 Gbit/s and fiber stand for "virtual".
    private static MessageWriter WritePort(MessageWriter to, SwitchPort port)
    {
        const uint virtualLink = (1 << 6) | (1 << 12);
        Span<byte> address = stackalloc byte[6];
        port.Address.Write(address);
        return to.Int((uint)port.Number).Zeros(4).Bytes(address).Zeros(2).Text(port.Name, 16).Int(0).Int(port.IsConnected ? 4u : 1u)
            .Int(virtualLink).Int(0).Int(0).Int(0).Int(10_000_000).Int(10_000_000);
    }

    private (uint Seconds, uint Nanoseconds) Age(FlowEntry entry)
    {
        var age = datapath.Clock.GetElapsedTime(entry.Created);
        return ((uint)age.TotalSeconds, (uint)(age.Ticks % TimeSpan.TicksPerSecond * 100));
    }
}
