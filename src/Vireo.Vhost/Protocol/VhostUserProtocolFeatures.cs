namespace Vireo.Vhost.Protocol;

/// <summary>Features of the vhost-user protocol (VHOST_USER_PROTOCOL_F_*). Those that are not implemented are not listed.</summary>
[Flags]
public enum VhostUserProtocolFeatures : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>GET_QUEUE_NUM tells how many queues there are.</summary>
    MultipleQueues = 1 << 0,

    /// <summary>The dirty log comes as a descriptor.</summary>
    LogSharedMemory = 1 << 1,

    /// <summary>SEND_RARP asks to announce the guest's address.</summary>
    Rarp = 1 << 2,

    /// <summary>Every message can ask for an acknowledgement.</summary>
    ReplyAcknowledge = 1 << 3,

    /// <summary>NET_SET_MTU tells the adapter's MTU.</summary>
    Mtu = 1 << 4,

    /// <summary>The back end has a channel for requests of its own.</summary>
    BackEndRequests = 1 << 5,

    /// <summary>The device's configuration space is here.</summary>
    Config = 1 << 9,

    /// <summary>Requests in flight are tracked in shared memory, so that a new back end can redo them.</summary>
    InflightSharedMemory = 1 << 12,

    /// <summary>RESET_DEVICE stops everything.</summary>
    ResetDevice = 1 << 13,

    /// <summary>Memory regions come and go one by one.</summary>
    ConfigureMemorySlots = 1 << 15,
}
