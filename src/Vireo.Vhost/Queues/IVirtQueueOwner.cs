namespace Vireo.Vhost.Queues;

/// <summary>What a queue tells the session that runs it. On the reactor's thread.</summary>
internal interface IVirtQueueOwner
{
    /// <summary>The driver or the device broke the queue.</summary>
    void QueueBroken(VirtQueue queue);

    /// <summary>The last buffer in flight of a stopped queue was given back.</summary>
    void QueueDrained();

    /// <summary>The device wants to be called.</summary>
    void Schedule(VirtQueue queue);
}
