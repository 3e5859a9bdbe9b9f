namespace Vireo.Vhost;

/// <summary>Feature bits that every virtio device shares (virtio 1.2 6 Reserved Feature Bits), and vhost's own two.</summary>
public static class VirtioFeatures
{
    /// <summary>VHOST_F_LOG_ALL: the pages that the device writes are marked in the dirty log.</summary>
    public const ulong LogAll = 1UL << 26;

    /// <summary>VIRTIO_F_RING_INDIRECT_DESC: a descriptor may name a table of descriptors.</summary>
    public const ulong IndirectDescriptors = 1UL << 28;

    /// <summary>VIRTIO_F_RING_EVENT_IDX: each side says at which index it wants to be notified.</summary>
    public const ulong EventIndex = 1UL << 29;

    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES: the vhost-user protocol's own features can be negotiated.</summary>
    public const ulong ProtocolFeatures = 1UL << 30;

    /// <summary>VIRTIO_F_VERSION_1: compliance with virtio 1.0 and later.</summary>
    public const ulong Version1 = 1UL << 32;

    /// <summary>
    /// VIRTIO_F_ACCESS_PLATFORM: the driver uses the platform's DMA rules. Without a virtual IOMMU, which Vireo's machines do not have,
    /// addresses stay the guest's physical ones; it lets a guest bounce its buffers.
    /// </summary>
    public const ulong AccessPlatform = 1UL << 33;

    /// <summary>What the queues of this library do by themselves, offered for every device.</summary>
    public const ulong Ring = LogAll | IndirectDescriptors | EventIndex | ProtocolFeatures | Version1 | AccessPlatform;
}
