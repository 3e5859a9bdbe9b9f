using System.Diagnostics;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Ports;

/// <summary>Work that a receiver takes over from the switch.</summary>
/// <param name="Checksum">Frames whose checksum is still to be completed.</param>
/// <param name="Tcp4">Uncut TCP over IPv4.</param>
/// <param name="Tcp6">Uncut TCP over IPv6.</param>
/// <param name="Udp">Uncut runs of UDP datagrams.</param>
internal readonly record struct PortCapabilities(bool Checksum, bool Tcp4, bool Tcp6, bool Udp)
{
    /// <summary>Whether a frame with <paramref name="offload"/> can be handed over as it is.</summary>
    public bool Take(in FrameOffload offload) => offload.Segmentation switch
    {
        SegmentationKind.None => Checksum || !offload.NeedsChecksum,
        SegmentationKind.Tcp4 => Tcp4,
        SegmentationKind.Tcp6 => Tcp6,
        SegmentationKind.Udp => Udp,
        _ => false,
    };
}

/// <summary>
/// What stands behind a port: a guest, a tap, an uplink, a test. Frames that arrive are put into the forwarder's batch; frames that
/// leave are copied out of a batch before <see cref="Transmit"/> returns. All members are for the packet thread that the port is at.
/// </summary>
/// <param name="seat">What it has at that thread, or null if it has nothing there.</param>
internal abstract class PortBackEnd(ReactorSeat? seat = null)
{
    /// <summary>What it has at the packet thread, or null.</summary>
    public ReactorSeat? Seat => seat;

    /// <summary>Pipeline of the packet thread that the port is at; set by <see cref="Start"/>.</summary>
    protected Forwarder? Forwarder { get; private set; }

    /// <summary>What the receiver takes over.</summary>
    public virtual PortCapabilities Capabilities => default;

    /// <summary>Whether frames can be handed over at all. Readable from any thread.</summary>
    public abstract bool IsConnected { get; }

    /// <summary>What stood behind the port was taken away, and only making the port anew brings it back. Readable from any thread.</summary>
    public virtual bool IsLost => false;

    /// <summary>Speed of the link in bits a second, or zero when there is none or it is not known. Readable from any thread.</summary>
    public virtual long LinkBitsPerSecond => 0;

    /// <summary>Starts to receive.</summary>
    public void Start(PortState port, Forwarder forwarder)
    {
        Forwarder = forwarder;
        port.Carrier = forwarder;
        OnStart(port);
    }

    /// <summary>Goes on at another packet thread. Both threads stand still.</summary>
    public void MoveTo(Reactor reactor, Forwarder forwarder)
    {
        seat?.MoveTo(reactor);
        Forwarder = forwarder;
    }

    /// <summary>Stops receiving and closes everything.</summary>
    public abstract void Stop();

    /// <summary>
    /// Hands over the live frames of <paramref name="batch"/>, in order. Drops, with a reason, those that the receiver cannot take, and behind the
    /// first one that there was no room for (<see cref="DropReason.QueueFull"/>) all.
    /// </summary>
    public abstract void Transmit(FrameBatch batch);

    /// <summary>Starts to receive at <see cref="Forwarder"/>.</summary>
    protected abstract void OnStart(PortState port);

    /// <summary>A piece of work for the port begins, if anybody wants to know how long that takes.</summary>
    /// <returns>For <see cref="EndTurn"/>.</returns>
    protected long BeginTurn() => Forwarder is { CountsTime: true } ? Stopwatch.GetTimestamp() : 0;

    /// <summary>It ends.</summary>
    protected static void EndTurn(PortState? port, long began)
    {
        if (began != 0 && port is not null)
        {
            port.BusyTicks += Stopwatch.GetTimestamp() - began;
        }
    }

    /// <summary>Drops the live frames of <paramref name="batch"/> from the one at <paramref name="position"/> on for want of room.</summary>
    protected static void RefuseFrom(FrameBatch batch, int position)
    {
        foreach (var index in batch.Live[position..])
        {
            batch.Drop(index, DropReason.QueueFull);
        }
    }
}
