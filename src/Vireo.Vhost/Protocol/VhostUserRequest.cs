namespace Vireo.Vhost.Protocol;

/// <summary>Requests of a front end (vhost-user "Front-end message types"). Those of other device classes are not listed.</summary>
public enum VhostUserRequest : uint
{
    /// <summary>Which virtio features there are.</summary>
    GetFeatures = 1,

    /// <summary>Which virtio features the driver took.</summary>
    SetFeatures = 2,

    /// <summary>The session starts.</summary>
    SetOwner = 3,

    /// <summary>Deprecated: disables all rings.</summary>
    ResetOwner = 4,

    /// <summary>All memory regions at once.</summary>
    SetMemoryTable = 5,

    /// <summary>The dirty log.</summary>
    SetLogBase = 6,

    /// <summary>An eventfd that says the log has changed.</summary>
    SetLogDescriptor = 7,

    /// <summary>Size of a queue.</summary>
    SetVringSize = 8,

    /// <summary>Addresses of a queue's three parts.</summary>
    SetVringAddress = 9,

    /// <summary>Where in the available ring to go on.</summary>
    SetVringBase = 10,

    /// <summary>Stop a queue and say where it stands.</summary>
    GetVringBase = 11,

    /// <summary>The eventfd by which the driver tells of buffers; starts the queue.</summary>
    SetVringKick = 12,

    /// <summary>The eventfd by which the device tells of used buffers.</summary>
    SetVringCall = 13,

    /// <summary>The eventfd by which the device tells that the queue is broken.</summary>
    SetVringError = 14,

    /// <summary>Which protocol features there are.</summary>
    GetProtocolFeatures = 15,

    /// <summary>Which protocol features the front end takes.</summary>
    SetProtocolFeatures = 16,

    /// <summary>How many queues there are.</summary>
    GetQueueCount = 17,

    /// <summary>Let a queue be processed, or not.</summary>
    SetVringEnable = 18,

    /// <summary>Announce the guest's address.</summary>
    SendRarp = 19,

    /// <summary>MTU of a network adapter.</summary>
    SetMtu = 20,

    /// <summary>The channel for requests of the back end.</summary>
    SetBackEndRequestDescriptor = 21,

    /// <summary>Read the configuration space.</summary>
    GetConfig = 24,

    /// <summary>Write the configuration space.</summary>
    SetConfig = 25,

    /// <summary>Make memory to track requests in flight.</summary>
    GetInflightDescriptor = 31,

    /// <summary>Here is the memory that tracks requests in flight.</summary>
    SetInflightDescriptor = 32,

    /// <summary>Stop everything and forget the state.</summary>
    ResetDevice = 34,

    /// <summary>How many memory regions there may be.</summary>
    GetMaxMemorySlots = 36,

    /// <summary>One more memory region.</summary>
    AddMemoryRegion = 37,

    /// <summary>One memory region less.</summary>
    RemoveMemoryRegion = 38,
}
