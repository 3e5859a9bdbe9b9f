using Vireo.Platform.Events;
using Vireo.Platform.Sockets;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Ports;

/// <summary>
/// An adapter that QEMU emulates (<c>-netdev dgram</c>): each frame is a datagram between two socket files, without anything before it. The
/// emulation takes over no work, so checksums are complete and segments cut in both directions. The cable counts as plugged in while the port exists;
/// frames for a guest that is not there are dropped as not connected. Nothing has to be connected again after either end was killed.
/// </summary>
internal sealed class DatagramPort(ReactorSeat seat, UnixDatagramSocket socket) : PortBackEnd(seat), IReactorHandler
{
    private PortState? _port;
    private Registration _registration;

    /// <inheritdoc/>
    public override bool IsConnected => Volatile.Read(ref _port) is not null;

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
        while (!batch.IsFull)
        {
            var room = batch.Reserve();
            var length = socket.Receive(room, out var fromGuest);
            if (length < 0)
            {
                break;
            }

            if (!fromGuest)
            {
                _port!.Dropped[DropReason.InvalidSource.Id]++;
            }
            else if (length > room.Length)
            {
                _port!.Dropped[DropReason.TooLong.Id]++;
            }
            else
            {
                batch.Commit(length);
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
        const int refused = 111;
        const int missing = 2;
        var live = batch.Live;
        for (var position = 0; position < live.Length; position++)
        {
            var index = live[position];
            var result = socket.Send(batch.Bytes(index));
            if (result == 0)
            {
                continue;
            }

            var reason = -result is refused or missing ? DropReason.NotConnected : TapPort.ReasonOf(result);
            if (reason == DropReason.QueueFull)
            {
                RefuseFrom(batch, position);
                return;
            }

            batch.Drop(index, reason);
        }
    }
}
