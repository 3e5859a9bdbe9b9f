using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Net;
using Vireo.Switch.Offloads;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Ports;

/// <summary>
/// An adapter of the management operating system. Checksums and segmentation are left to its kernel in both directions. The frames
/// that it sends wait in the kernel's queue until the packet thread takes them.
/// </summary>
internal sealed class TapPort(ReactorSeat seat, TapDevice tap) : PortBackEnd(seat), IReactorHandler
{
    private PortState? _port;
    private Registration _registration;
    private volatile bool _isLost;

    /// <inheritdoc/>
    public override bool IsConnected => Volatile.Read(ref _port) is not null && !_isLost;

    /// <inheritdoc/>
    public override bool IsLost => _isLost;

    /// <inheritdoc/>
    public override PortCapabilities Capabilities => new(Checksum: true, Tcp4: true, Tcp6: true, Udp: false);

    /// <summary>The interface goes when the port stops.</summary>
    public bool RemovesInterface { get; set; }

    /// <inheritdoc/>
    protected override void OnStart(PortState port)
    {
        _registration = Seat!.Register(tap.Descriptor, PollEvents.Readable, this);
        Volatile.Write(ref _port, port);
    }

    /// <inheritdoc/>
    public override void Stop()
    {
        Volatile.Write(ref _port, null);
        if (!_isLost)
        {
            Seat!.Unregister(_registration);
            if (RemovesInterface)
            {
                tap.Remove();
            }
        }

        tap.Dispose();
    }

    /// <inheritdoc/>
    public void OnEvents(PollEvents events)
    {
        var began = BeginTurn();
        var batch = Forwarder!.Ingress;
        Span<byte> header = stackalloc byte[TapDevice.HeaderBytes];
        while (!batch.IsFull)
        {
            var length = tap.Receive(header, batch.Reserve());
            if (length < 0)
            {
                const int badState = 77;
                if (length == -badState)
                {
                    // Somebody deleted the interface. The descriptor would report that again and again.
                    _isLost = true;
                    Seat!.Unregister(_registration);
                }

                break;
            }

            var known = NetworkHeader.TryDecode(header, out var offload);
            var index = batch.Commit(length, offload);
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
        Span<byte> header = stackalloc byte[TapDevice.HeaderBytes];
        var live = batch.Live;
        for (var position = 0; position < live.Length; position++)
        {
            var index = live[position];
            NetworkHeader.Encode(batch[index].Offload, header);
            var result = tap.Send(header, batch.Bytes(index));
            if (result == 0)
            {
                continue;
            }

            var reason = ReasonOf(result);
            if (reason == DropReason.QueueFull)
            {
                RefuseFrom(batch, position);
                return;
            }

            batch.Drop(index, reason);
        }
    }

    /// <summary>Why the kernel did not take a frame.</summary>
    internal static DropReason ReasonOf(int result)
    {
        const int noBuffers = 105;
        const int messageTooLong = 90;
        const int invalid = 22;
        return -result switch
        {
            SystemCall.Again or noBuffers => DropReason.QueueFull,
            messageTooLong => DropReason.TooLong,
            invalid => DropReason.Malformed,
            _ => DropReason.NotConnected,
        };
    }
}
