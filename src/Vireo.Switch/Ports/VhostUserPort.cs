using System.Buffers.Binary;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Switch.Offloads;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Vhost;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Switch.Ports;

/// <summary>
/// A guest's network adapter, served over vhost-user (virtio 1.2 5.1 Network Device). Even queues carry frames to the guest, odd ones
/// from it. The headers of a frame are copied out of guest memory before anything looks at them, so a guest that changes them later changes
/// nothing; what is behind them is copied once, to the receiver.
/// </summary>
internal sealed partial class VhostUserPort(int queuePairs, ReactorSeat? seat = null) : PortBackEnd(seat), IVhostUserDevice
{
    // virtio 1.2 5.1.3 Feature bits
    private const ulong DeviceChecksum = 1UL << 0;
    private const ulong GuestChecksum = 1UL << 1;
    private const ulong GuestTcp4 = 1UL << 7;
    private const ulong GuestTcp6 = 1UL << 8;
    private const ulong HostTcp4 = 1UL << 11;
    private const ulong HostTcp6 = 1UL << 12;
    private const ulong MergeableBuffers = 1UL << 15;
    private const ulong MultipleQueues = 1UL << 22;

    /// <summary>Buffers that one frame to the guest may take: the longest frame in the small buffers of Linux (1,536 bytes), with slack.</summary>
    private const int BuffersMax = 64;

    /// <summary>A guest that sends without pause gives way to others after this many batches.</summary>
    private const int BatchesPerTurn = 4;

    [ThreadStatic]
    private static DescriptorChain[]? s_chains;

    private readonly DescriptorChain[] _buffers = [.. Enumerable.Range(0, BuffersMax).Select(_ => new DescriptorChain())];
    private readonly VirtQueue?[] _toGuest = new VirtQueue?[queuePairs];
    private readonly VirtQueue[] _running = new VirtQueue[queuePairs];
    private readonly ushort[] _order = new ushort[FrameBatch.FramesMax];
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _connecting = Task.CompletedTask;
    private VhostUserBackend? _backEnd;
    private PortState? _port;
    private ulong _negotiated;
    private int _headerBytes = NetworkHeader.LengthBytes;
    private bool _isReady;

    /// <inheritdoc/>
    public ulong Features =>
        DeviceChecksum | GuestChecksum | GuestTcp4 | GuestTcp6 | HostTcp4 | HostTcp6 | MergeableBuffers | (queuePairs > 1 ? MultipleQueues : 0);

    /// <inheritdoc/>
    public VhostUserProtocolFeatures ProtocolFeatures => VhostUserProtocolFeatures.Rarp;

    /// <inheritdoc/>
    public int QueueCount => queuePairs * 2;

    /// <inheritdoc/>
    public override bool IsConnected => Volatile.Read(ref _isReady);

    /// <inheritdoc/>
    public override PortCapabilities Capabilities => new(
        (_negotiated & GuestChecksum) != 0, (_negotiated & GuestTcp4) != 0, (_negotiated & GuestTcp6) != 0, Udp: false);

    /// <summary>Makes the socket and waits for the guest on it.</summary>
    /// <exception cref="IOException">The socket cannot be made.</exception>
    public async Task ListenAsync(string path, VhostUserBackendOptions options) =>
        _backEnd = await VhostUserBackend.ListenAsync(Seat!, this, path, options);

    /// <summary>Connects to whoever listens at <paramref name="path"/>, and again when that one is gone, until the port is closed.</summary>
    public void KeepConnecting(string path, VhostUserBackendOptions options) => _connecting = ConnectAsync(path, options);

    /// <summary>Closes the socket and the connection.</summary>
    public async Task CloseAsync()
    {
        _closing.TrySetResult();
        await _connecting;
        if (_backEnd is not null)
        {
            await _backEnd.DisposeAsync();
        }
    }

    private async Task ConnectAsync(string path, VhostUserBackendOptions options)
    {
        var pause = TimeSpan.FromMilliseconds(100);
        while (!_closing.Task.IsCompleted)
        {
            try
            {
                var backEnd = await VhostUserBackend.ConnectAsync(Seat!, this, path, options);
                await Task.WhenAny(backEnd.Completion, _closing.Task);
                await backEnd.DisposeAsync();
            }
            catch (IOException)
            {
                // Nobody is there yet.
                // Allowed: nothing tells when a peer begins to listen.
                await Task.WhenAny(_closing.Task, Task.Delay(pause));
            }
        }
    }

    /// <inheritdoc/>
    protected override void OnStart(PortState port) => _port = port;

    /// <inheritdoc/>
    public override void Stop() => _port = null;

    /// <inheritdoc/>
    public void FeaturesNegotiated(ulong features)
    {
        _negotiated = features;

        // virtio 1.2 5.1.6.1: legacy drivers, which boot ROMs are, leave out the last field unless buffers are mergeable.
        var isLong = (features & (MergeableBuffers | VirtioFeatures.Version1)) != 0;
        _headerBytes = isLong ? NetworkHeader.LengthBytes : NetworkHeader.LengthBytes - 2;
    }

    /// <inheritdoc/>
    public void QueueStarted(VirtQueue queue)
    {
        if (queue.Index % 2 == 0)
        {
            // Its buffers are taken when there is a frame, not when the guest adds some.
            queue.WantsKicks = false;
            _toGuest[queue.Index / 2] = queue;
            Volatile.Write(ref _isReady, _toGuest[0] is not null);
        }
    }

    /// <inheritdoc/>
    public void QueueStopping(VirtQueue queue) => Forget(queue);

    /// <inheritdoc/>
    public void QueueStopped(VirtQueue queue) => Forget(queue);

    /// <summary>virtio 1.2 5.1.6.2 Packet Transmission: takes frames that the guest sends.</summary>
    public bool Service(VirtQueue queue)
    {
        if (queue.Index % 2 == 0 || _port is not { } port)
        {
            return false;
        }

        var worked = false;
        var began = BeginTurn();
        for (var turn = 0; turn < BatchesPerTurn; turn++)
        {
            var taken = TakeRuns(queue, port);
            if (taken == 0)
            {
                taken = TakeBatch(queue, port);
            }

            worked |= taken > 0;
            if (taken < FrameBatch.FramesMax)
            {
                break;
            }
        }

        if (worked)
        {
            EndTurn(port, began);
        }

        return worked;
    }

    /// <summary>virtio 1.2 5.1.6.4 Processing of Incoming Packets: hands frames to the guest.</summary>
    public override void Transmit(FrameBatch batch)
    {
        var count = FindRunning();
        if (count == 0)
        {
            foreach (var index in batch.Live)
            {
                batch.Drop(index, DropReason.NotConnected);
            }
        }
        else if (count == 1)
        {
            TransmitTo(_running[0], batch);
        }
        else
        {
            Spread(batch, count);
        }
    }

    private int FindRunning()
    {
        var count = 0;
        foreach (var queue in _toGuest)
        {
            if (queue is { IsRunning: true })
            {
                _running[count++] = queue;
            }
        }

        return count;
    }

    /// <summary>Gives each conversation a queue of its own: frames that follow each other into the same queue go together.</summary>
    private void Spread(FrameBatch batch, int queues)
    {
        var live = batch.Live.Length;
        batch.Live.CopyTo(_order);
        var order = _order.AsSpan(0, live);
        for (var first = 0; first < live;)
        {
            var queue = QueueOf(batch, order[first], queues);
            var end = first + 1;
            while (end < live && QueueOf(batch, order[end], queues) == queue)
            {
                end++;
            }

            batch.Select(order[first..end]);
            TransmitTo(_running[queue], batch);
            var isFull = batch[order[end - 1]].Verdict == DropReason.QueueFull;
            first = end;
            if (isFull)
            {
                // Behind the first frame that found no room none is given: whoever keeps them keeps their order.
                batch.Select(order);
                RefuseFrom(batch, first);
                return;
            }
        }

        batch.Select(order);
    }

    private static int QueueOf(FrameBatch batch, ushort index, int queues) => (int)(FlowHash.Of(batch.Head(index)) % (uint)queues);

    private void TransmitTo(VirtQueue queue, FrameBatch batch)
    {
        var live = batch.Live;
        for (var position = GiveRuns(queue, batch); position < live.Length; position++)
        {
            var reason = Give(queue, batch, live[position]);
            if (reason == DropReason.QueueFull)
            {
                RefuseFrom(batch, position);
                break;
            }

            if (reason != DropReason.None)
            {
                batch.Drop(live[position], reason);
            }
        }

        queue.Publish();
        queue.Notify();
    }

    /// <summary>
    /// The guest has arrived by migration. A reverse ARP request in its name (RFC 903, as QEMU's own announcement) tells every switch on
    /// the way where it is now; it passes this port's stages like any frame of the guest.
    /// </summary>
    public void Announce(ReadOnlySpan<byte> address)
    {
        if (_port is not { } port)
        {
            return;
        }

        Span<byte> frame = stackalloc byte[60];
        frame.Clear();
        frame[..6].Fill(0xFF);
        address.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x8035);
        BinaryPrimitives.WriteUInt64BigEndian(frame[14..], 0x0001_0800_0604_0003);
        address.CopyTo(frame[22..]);
        address.CopyTo(frame[32..]);
        Forwarder!.Ingress.Add(frame);
        Forwarder.Forward(port);
    }

    /// <inheritdoc/>
    public bool TrySetMtu(int bytes) => bytes <= 65_535;

    /// <summary>Takes buffers of several descriptors, or of a table of them. They are given back when their frames have reached their receivers.</summary>
    private int TakeBatch(VirtQueue queue, PortState port)
    {
        // Happens once for a packet thread.
        var chains = s_chains ??= [.. Enumerable.Range(0, FrameBatch.FramesMax).Select(_ => new DescriptorChain())];
        var batch = Forwarder!.Ingress;
        Span<byte> header = (stackalloc byte[NetworkHeader.LengthBytes])[.._headerBytes];
        var taken = 0;
        while (!batch.IsFull && taken < chains.Length && queue.TryPop(chains[taken]))
        {
            TakeChain(chains[taken++], header, batch, port);
        }

        if (!batch.Live.IsEmpty)
        {
            Forwarder.Forward(port);
        }

        foreach (var chain in chains.AsSpan(0, taken))
        {
            queue.Push(chain, 0);
        }

        queue.Publish();
        queue.Notify();
        return taken;
    }

    private static void TakeChain(DescriptorChain chain, Span<byte> header, FrameBatch batch, PortState port)
    {
        var sound = chain.TryTakeReadable(header);
        var length = chain.ReadableBytes;
        if (!sound || length > FrameBatch.FrameBytesMax)
        {
            port.Dropped[(sound ? DropReason.TooLong : DropReason.Malformed).Id]++;
            return;
        }

        sound = NetworkHeader.TryDecode(header, out var offload);
        var head = Math.Min(length, FrameBatch.HeadBytesMax);

        // The batch is not full, so it has room for the longest frame; and the chain has as many bytes as it said.
        var isWhole = chain.TryTakeReadable(batch.Append(length, head, 0, sound ? offload : default));
        var index = batch.Live[^1];
        if (chain.Readable.Length == 1)
        {
            batch.LeaveRest(index, head, chain.Readable[0].Address);
        }
        else if (length > head)
        {
            isWhole &= chain.TryTakeReadable(batch.WritableBytes(index)[head..]);
        }

        Invariant.Check(isWhole);
        if (!sound)
        {
            batch.Drop(index, DropReason.Malformed);
        }
    }

    private DropReason Give(VirtQueue queue, FrameBatch batch, ushort index)
    {
        var bytes = batch.Head(index);
        var rest = RestOf(batch, index);
        var needed = _headerBytes + bytes.Length + rest.Length;
        var most = (_negotiated & MergeableBuffers) != 0 ? BuffersMax : 1;
        var count = 0;
        var room = 0;
        while (room < needed && count < most && queue.TryPop(_buffers[count]))
        {
            room += Math.Max(0, _buffers[count++].WritableBytes);
        }

        if (room < needed || _buffers[0].WritableBytes < _headerBytes)
        {
            var reason = count == most ? DropReason.TooLong : DropReason.QueueFull;
            while (count > 0)
            {
                queue.Rewind(_buffers[--count]);
            }

            return reason;
        }

        // virtio 1.2 5.1.6.4.1: the header is in the first buffer and says how many there are; all but the last are filled.
        Span<byte> header = stackalloc byte[NetworkHeader.LengthBytes];
        NetworkHeader.Encode(batch[index].Offload, header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[10..], (ushort)count);
        header = header[.._headerBytes];
        for (var buffer = 0; buffer < count; buffer++)
        {
            var chain = _buffers[buffer];
            var written = buffer == 0 ? chain.Write(header) : 0;
            var part = chain.Write(bytes);
            bytes = bytes[part..];
            written += part;
            if (bytes.IsEmpty)
            {
                part = chain.Write(rest);
                rest = rest[part..];
                written += part;
            }

            queue.Push(chain, (uint)written);
        }

        return DropReason.None;
    }

    private void Forget(VirtQueue queue)
    {
        if (queue.Index % 2 == 0 && _toGuest[queue.Index / 2] == queue)
        {
            _toGuest[queue.Index / 2] = null;
            Volatile.Write(ref _isReady, _toGuest[0] is not null);
        }
    }
}
