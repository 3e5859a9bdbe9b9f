namespace Vireo.Vhost.Queues;

/// <summary>What a driver did that no driver may do. The queue stops until the driver resets the device; nobody else notices.</summary>
public enum VirtQueueFault : byte
{
    /// <summary>The queue is sound.</summary>
    None = 0,

    /// <summary>The available ring's index ran ahead by more than the queue's size.</summary>
    AvailableIndexJump,

    /// <summary>More buffers are in flight than the queue has descriptors.</summary>
    TooManyInFlight,

    /// <summary>The head of a chain is outside the descriptor table.</summary>
    HeadOutOfRange,

    /// <summary>The next descriptor of a chain is outside its table.</summary>
    NextOutOfRange,

    /// <summary>A chain has more descriptors than any queue may have: it loops.</summary>
    ChainTooLong,

    /// <summary>A chain has 2 GiB or more of readable or of writable bytes.</summary>
    TooManyBytes,

    /// <summary>A buffer or a table lies outside the guest's memory.</summary>
    AddressOutOfRange,

    /// <summary>A readable descriptor follows a writable one (virtio 1.2 2.7.4.2).</summary>
    ReadableAfterWritable,

    /// <summary>A table of descriptors is empty, not made of whole descriptors, nested, or not the end of its chain (virtio 1.2 2.7.5.3).</summary>
    BadIndirectTable,

    /// <summary>The buffers were whole but made no sense to the device; the device says so in its own message.</summary>
    DeviceProtocol,
}
