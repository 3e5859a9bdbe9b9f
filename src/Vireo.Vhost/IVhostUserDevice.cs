using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost;

/// <summary>
/// A virtio device served over vhost-user. All calls come from the thread of the reactor that serves it, one at a time.
/// </summary>
public interface IVhostUserDevice
{
    /// <summary>The device's own virtio features; those of the rings (<see cref="VirtioFeatures.Ring"/>) are added.</summary>
    ulong Features { get; }

    /// <summary>What the device needs of the protocol beyond what every device gets: Config, Rarp, Mtu, InflightSharedMemory.</summary>
    VhostUserProtocolFeatures ProtocolFeatures { get; }

    /// <summary>How many queues it has at most.</summary>
    int QueueCount { get; }

    /// <summary>The largest queue it accepts; a power of two up to <see cref="VirtQueue.SizeMax"/>.</summary>
    int QueueSizeMax => 1024;

    /// <summary>A front end has connected, or a new negotiation begins: <paramref name="features"/> are what the driver took.</summary>
    void FeaturesNegotiated(ulong features);

    /// <summary>The queue is there; <see cref="Service"/> will be called. The object is new for each start.</summary>
    void QueueStarted(VirtQueue queue);

    /// <summary>
    /// No buffer can be taken off until <see cref="Service"/> is called again: the front end changes something, and waits until nothing is in flight. A
    /// device that holds buffers back gives them back now, or leaves them (<see cref="VirtQueue.Leave"/>).
    /// </summary>
    void QueuePaused(VirtQueue queue)
    {
    }

    /// <summary>
    /// No buffer can be taken off any more. The device gives back soon what it holds: the front end waits until nothing is in flight.
    /// </summary>
    void QueueStopping(VirtQueue queue);

    /// <summary>Nothing is in flight; the queue must not be touched any more.</summary>
    void QueueStopped(VirtQueue queue);

    /// <summary>The driver kicked, or the queue is polled: does a bounded piece of work.</summary>
    /// <returns>Whether there was any; the queue sleeps after a while without.</returns>
    bool Service(VirtQueue queue);

    /// <summary>Reads the configuration space. Bytes that do not exist read as zero.</summary>
    /// <returns>False when the range is outside it.</returns>
    bool TryReadConfig(int offsetBytes, Span<byte> destination) => false;

    /// <summary>Writes the configuration space.</summary>
    /// <returns>False when something read-only is in the range.</returns>
    bool TryWriteConfig(int offsetBytes, ReadOnlySpan<byte> source, bool isMigration) => false;

    /// <summary>The guest has arrived by migration and cannot announce itself: announce <paramref name="address"/> (6 bytes) for it.</summary>
    void Announce(ReadOnlySpan<byte> address)
    {
    }

    /// <summary>The MTU that the front end tells the guest.</summary>
    /// <returns>False when the device cannot carry it.</returns>
    bool TrySetMtu(int bytes) => false;
}
