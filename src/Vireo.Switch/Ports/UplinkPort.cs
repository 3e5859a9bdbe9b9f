using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Net;
using Vireo.Switch.Offloads;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Ports;

/// <summary>
/// A network interface of the management operating system as the way out. It keeps working for the management operating system; what
/// that sends through it is not seen here.
/// </summary>
internal sealed unsafe class UplinkPort(ReactorSeat seat, PacketSocket socket, long linkBitsPerSecond) : PortBackEnd(seat), IReactorHandler
{
    private const int NetworkDown = 100;

    private PortState? _port;
    private Registration _registration;
    private volatile bool _isDown;

    /// <inheritdoc/>
    public override bool IsConnected => Volatile.Read(ref _port) is not null && !_isDown;

    /// <inheritdoc/>
    public override long LinkBitsPerSecond => linkBitsPerSecond;

    /// <inheritdoc/>
    public override PortCapabilities Capabilities => new(Checksum: true, Tcp4: true, Tcp6: true, Udp: false);

    /// <inheritdoc/>
    protected override void OnStart(PortState port)
    {
        _registration = Seat!.Register(socket.Descriptor, PollEvents.Readable, this);
        Volatile.Write(ref _port, port);
    }

    /// <inheritdoc/>
    public override void Stop()
    {
        Volatile.Write(ref _port, null);
        Seat!.Unregister(_registration);
        socket.Dispose();
    }

    /// <inheritdoc/>
    public void OnEvents(PollEvents events)
    {
        var began = BeginTurn();
        var count = socket.Receive(PacketSocket.FramesMax);
        if (count < 0)
        {
            if (count == -NetworkDown)
            {
                // Told once per change; the first frame that arrives, or leaves, shows that it is up again.
                _isDown = true;
            }
            else if (count != -SystemCall.Again)
            {
                // A frame whose offloads the kernel cannot express is lost with EINVAL; the next one may be fine.
                _port!.Dropped[DropReason.Malformed.Id]++;
            }

            return;
        }

        _isDown = false;
        var batch = Forwarder!.Ingress;
        for (var i = 0; i < count; i++)
        {
            if (batch.IsFull)
            {
                // Long frames fill a batch sooner.
                Forwarder.Forward(_port!);
            }

            Take(i, batch);
        }

        if (!batch.Live.IsEmpty)
        {
            Forwarder.Forward(_port!);
        }

        EndTurn(_port, began);
    }

    /// <inheritdoc/>
    public override void Transmit(FrameBatch batch)
    {
        Span<byte> header = stackalloc byte[PacketSocket.HeaderBytes];
        var live = batch.Live;
        foreach (var index in live)
        {
            NetworkHeader.Encode(batch[index].Offload, header);
            socket.Add(header, batch.Head(index), RestOf(batch, index));
        }

        for (var position = 0; position < live.Length;)
        {
            var result = socket.Send(position);
            if (result > 0)
            {
                position += result;
                continue;
            }

            var reason = TapPort.ReasonOf(result);
            if (reason == DropReason.QueueFull)
            {
                RefuseFrom(batch, position);
                break;
            }

            batch.Drop(live[position++], reason);
        }

        socket.ClearSending();
    }

    private void Take(int place, FrameBatch batch)
    {
        var frame = socket.ReceivedFrame(place);
        if (frame.Length > FrameBatch.FrameBytesMax)
        {
            _port!.Dropped[DropReason.TooLong.Id]++;
            return;
        }

        var known = NetworkHeader.TryDecode(socket.ReceivedHeader(place), out var offload);
        var head = Math.Min(frame.Length, FrameBatch.HeadBytesMax);
        var rest = frame[head..];

        // SAFETY: what was received lies in pinned memory, where it stays until the next call, which comes when the batch has been brought to its end.
        frame[..head].CopyTo(batch.Append(frame.Length, head, rest.IsEmpty ? 0 : (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(rest)), offload));
        if (!known)
        {
            batch.Drop(batch.Live[^1], DropReason.Malformed);
        }
    }

    private static ReadOnlySpan<byte> RestOf(FrameBatch batch, ushort index)
    {
        ref var frame = ref batch[index];

        // SAFETY: the rest of a frame stays mapped until its batch is cleared, because its sender's buffer is given back only then.
        return frame.Rest == 0 ? [] : new ReadOnlySpan<byte>((void*)frame.Rest, frame.Length - frame.HeadBytes);
    }
}
