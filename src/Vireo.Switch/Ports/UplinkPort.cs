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
internal sealed class UplinkPort(ReactorSeat seat, PacketSocket socket, long linkBitsPerSecond) : PortBackEnd(seat), IReactorHandler
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
        var batch = Forwarder!.Ingress;
        Span<byte> header = stackalloc byte[PacketSocket.HeaderBytes];
        while (!batch.IsFull)
        {
            var length = socket.Receive(header, batch.Reserve(), out var start);
            if (length < 0)
            {
                if (length == -NetworkDown)
                {
                    // Told once per change; the first frame that arrives, or leaves, shows that it is up again.
                    _isDown = true;
                }

                // A frame whose offloads the kernel cannot express is lost with EINVAL; the next one may be fine.
                if (length == -SystemCall.Again || length == -NetworkDown)
                {
                    break;
                }

                _port!.Dropped[DropReason.Malformed.Id]++;
                continue;
            }

            _isDown = false;
            var known = NetworkHeader.TryDecode(header, out var offload);
            var index = batch.Commit(length, offload, start);
            if (!known)
            {
                batch.Drop(index, DropReason.Malformed);
            }
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
        for (var position = 0; position < live.Length; position++)
        {
            var index = live[position];
            NetworkHeader.Encode(batch[index].Offload, header);
            var result = socket.Send(header, batch.Bytes(index));
            if (result == 0)
            {
                continue;
            }

            var reason = TapPort.ReasonOf(result);
            if (reason == DropReason.QueueFull)
            {
                RefuseFrom(batch, position);
                return;
            }

            batch.Drop(index, reason);
        }
    }
}
