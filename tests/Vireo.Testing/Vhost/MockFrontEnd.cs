using System.Buffers.Binary;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Sockets;

namespace Vireo.Testing.Vhost;

/// <summary>A message as it came.</summary>
public sealed record MockMessage(uint Request, uint Flags, byte[] Payload, IReadOnlyList<Descriptor> Descriptors)
{
    /// <summary>The payload as one number.</summary>
    public ulong Number => BinaryPrimitives.ReadUInt64LittleEndian(Payload);
}

/// <summary>
/// Plays QEMU: speaks the front end's side of vhost-user over a real socket. Written from the specification's tables, and with nothing
/// of the back end's code, so that the two check each other.
/// </summary>
public sealed class MockFrontEnd : IDisposable
{
    private const uint Version = 1;
    private const uint NeedReply = 8;
    private readonly UnixConnection _connection;
    private readonly EventPoll _poll = new();

    /// <summary>Connects to the back end at <paramref name="socketPath"/>.</summary>
    public MockFrontEnd(string socketPath)
        : this(UnixConnection.Connect(socketPath))
    {
    }

    /// <summary>Speaks over a connection that is there already (the back end connected).</summary>
    public MockFrontEnd(UnixConnection connection)
    {
        _connection = connection;
        _poll.Watch(_connection.Descriptor, PollEvents.Readable, 0);
    }

    /// <summary>What was negotiated by <see cref="Negotiate"/>.</summary>
    public ulong Features { get; private set; }

    /// <summary>Sends a message.</summary>
    public void Send(uint request, ReadOnlySpan<byte> payload, bool needReply = false, params ReadOnlySpan<Descriptor> descriptors)
    {
        var message = new byte[12 + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), Version | (needReply ? NeedReply : 0));
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)payload.Length);
        payload.CopyTo(message.AsSpan(12));
        SendRaw(message, descriptors);
    }

    /// <summary>Sends bytes that need not be a message.</summary>
    /// <returns>False when the back end has closed the connection.</returns>
    public bool SendRaw(ReadOnlySpan<byte> bytes, params ReadOnlySpan<Descriptor> descriptors) =>
        _connection.Send(bytes, descriptors, out _) == SocketStatus.Ok;

    /// <summary>The next message of the back end, or null when it has closed the connection.</summary>
    /// <exception cref="TimeoutException">Nothing came for 60 seconds.</exception>
    public MockMessage? Receive()
    {
        var descriptors = new List<Descriptor>();
        var header = new byte[12];
        if (!Fill(header, descriptors))
        {
            return null;
        }

        var payload = new byte[BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8))];
        return payload.Length > 0 && !Fill(payload, descriptors)
            ? null
            : new MockMessage(
                BinaryPrimitives.ReadUInt32LittleEndian(header), BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)), payload, descriptors);
    }

    /// <summary>Sends a message that has an answer of its own, and waits for it.</summary>
    public MockMessage Ask(uint request, ReadOnlySpan<byte> payload = default)
    {
        Send(request, payload);
        var answer = Receive() ?? throw new IOException($"The back end closed the connection on request {request}.");
        return answer.Request == request && (answer.Flags & 7) == 5
            ? answer
            : throw new IOException($"The back end answered request {request} with {answer.Request}, flags {answer.Flags}.");
    }

    /// <summary>Sends a message with the wish for an acknowledgement.</summary>
    /// <returns>Whether it was accepted.</returns>
    public bool Tell(uint request, ReadOnlySpan<byte> payload, params ReadOnlySpan<Descriptor> descriptors)
    {
        Send(request, payload, needReply: true, descriptors);
        var answer = Receive() ?? throw new IOException($"The back end closed the connection on request {request}.");
        return answer.Number == 0;
    }

    /// <summary>Tells a number.</summary>
    public bool Tell(uint request, ulong number, params ReadOnlySpan<Descriptor> descriptors) =>
        Tell(request, BitConverter.GetBytes(number), descriptors);

    /// <summary>Tells a queue's number and another.</summary>
    public bool TellState(uint request, int index, uint number) => Tell(request, State(index, number));

    /// <summary>Takes all protocol features and, of the virtio features, those in <paramref name="wanted"/> and VIRTIO_F_VERSION_1.</summary>
    public void Negotiate(ulong wanted = 0)
    {
        const ulong protocolFeatures = 1UL << 30;
        const ulong version1 = 1UL << 32;
        var offered = Ask(1).Number;
        Features = (wanted | protocolFeatures | version1) & offered;
        Send(16, BitConverter.GetBytes(Ask(15).Number)); // SET_PROTOCOL_FEATURES of all in GET_PROTOCOL_FEATURES
        Accepted(Tell(3, []), "SET_OWNER");
        Accepted(Tell(2, Features), "SET_FEATURES");
    }

    /// <summary>SET_MEM_TABLE with all regions.</summary>
    public bool SetMemory(MockGuestMemory memory)
    {
        var payload = new byte[8 + (memory.Regions.Count * 32)];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, (uint)memory.Regions.Count);
        for (var i = 0; i < memory.Regions.Count; i++)
        {
            Region(memory.Regions[i]).CopyTo(payload.AsSpan(8 + (i * 32)));
        }

        return Tell(5, payload, memory.Regions.Select(region => region.File).ToArray());
    }

    /// <summary>A region as messages describe it.</summary>
    public static byte[] Region(MockRegion region)
    {
        var bytes = new byte[32];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, region.GuestAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), (ulong)region.Mapping.LengthBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), region.UserAddress);
        return bytes;
    }

    /// <summary>ADD_MEM_REG or REM_MEM_REG.</summary>
    public bool ChangeRegion(MockRegion region, bool add) =>
        Tell(add ? 37u : 38u, [.. new byte[8], .. Region(region)], add ? [region.File] : []);

    /// <summary>GET_INFLIGHT_FD: the memory that the back end made, to be kept over reconnections.</summary>
    public (byte[] Description, Descriptor File) GetInflight(int queues, int size)
    {
        var wanted = new byte[24];
        BinaryPrimitives.WriteUInt16LittleEndian(wanted.AsSpan(16), (ushort)queues);
        BinaryPrimitives.WriteUInt16LittleEndian(wanted.AsSpan(18), (ushort)size);
        var answer = Ask(31, wanted);
        return (answer.Payload, answer.Descriptors[0]);
    }

    /// <summary>SET_INFLIGHT_FD.</summary>
    public bool SetInflight((byte[] Description, Descriptor File) inflight) => Tell(32, inflight.Description, inflight.File);

    /// <summary>SET_VRING_ADDR.</summary>
    public bool SetAddress(MockGuestMemory memory, MockQueue queue, ulong? usedLogAddress = null)
    {
        var bytes = new byte[40];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)queue.Index);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), usedLogAddress is null ? 0u : 1u);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), memory.User(queue.Descriptors));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), memory.User(queue.Used));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), memory.User(queue.Available));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(32), usedLogAddress ?? 0);
        return Tell(9, bytes);
    }

    /// <summary>Everything that starts a queue, as QEMU does it; it goes on at <paramref name="position"/> of the available ring.</summary>
    public void Start(MockGuestMemory memory, MockQueue queue, ushort position = 0)
    {
        Accepted(TellState(8, queue.Index, (uint)queue.Size), "SET_VRING_NUM");
        Accepted(TellState(10, queue.Index, position), "SET_VRING_BASE");
        Accepted(SetAddress(memory, queue), "SET_VRING_ADDR");
        Accepted(Tell(14, (ulong)queue.Index, queue.Error.Descriptor), "SET_VRING_ERR");
        Accepted(Tell(13, (ulong)queue.Index, queue.Call.Descriptor), "SET_VRING_CALL");
        Accepted(Tell(12, (ulong)queue.Index, queue.KickEvent.Descriptor), "SET_VRING_KICK");
        Accepted(TellState(18, queue.Index, 1), "SET_VRING_ENABLE");
    }

    /// <summary>GET_VRING_BASE: stops the queue when it is quiet.</summary>
    /// <returns>Where it stands.</returns>
    public ushort Stop(MockQueue queue) => (ushort)BinaryPrimitives.ReadUInt32LittleEndian(Ask(11, State(queue.Index, 0)).Payload.AsSpan(4));

    /// <summary>SET_LOG_BASE.</summary>
    public void SetLog(Descriptor file, long lengthBytes)
    {
        var payload = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, (ulong)lengthBytes);
        Send(6, payload, needReply: false, file);
        _ = Receive() ?? throw new IOException("The back end refused the dirty log.");
    }

    /// <summary>GET_CONFIG.</summary>
    public byte[] GetConfig(int offset, int length)
    {
        var payload = new byte[12 + length];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, (uint)offset);
        BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(4), (uint)length);
        var answer = Ask(24, payload).Payload;
        return answer.Length == 0 ? [] : answer[12..];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _poll.Dispose();
        _connection.Dispose();
    }

    private static byte[] State(int index, uint number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)index);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), number);
        return bytes;
    }

    private static void Accepted(bool accepted, string message)
    {
        if (!accepted)
        {
            throw new IOException($"The back end refused {message}.");
        }
    }

    private bool Fill(byte[] buffer, List<Descriptor> descriptors)
    {
        const int waitMilliseconds = 60_000;
        for (var filled = 0; filled < buffer.Length;)
        {
            switch (_connection.Receive(buffer.AsSpan(filled), descriptors, out var count))
            {
                case SocketStatus.Ok:
                    filled += count;
                    break;
                case SocketStatus.WouldBlock:
                    if (_poll.WaitWhole(waitMilliseconds) == 0)
                    {
                        throw new TimeoutException("The back end did not answer.");
                    }

                    break;
                default:
                    return false;
            }
        }

        return true;
    }
}
