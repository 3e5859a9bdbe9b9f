namespace Vireo.Vhost;

/// <summary>How a back end is set up.</summary>
public sealed record VhostUserBackendOptions
{
    /// <summary>What the device is called in messages: a disk's or port's name.</summary>
    public string Name { get; init; } = "device";

    /// <summary>Group that may connect besides the owner of the process.</summary>
    public int? SocketGroup { get; init; }

    /// <summary>
    /// Shared memory must be sealed against shrinking, as QEMU's <c>memory-backend-memfd</c> is. Without it a front end can end this
    /// process with a SIGBUS, and with it every other guest's devices.
    /// </summary>
    public bool RequireSealedMemory { get; init; } = true;

    /// <summary>Told of events, on the reactor's thread.</summary>
    public Action<VhostUserEvent>? Observer { get; init; }
}
