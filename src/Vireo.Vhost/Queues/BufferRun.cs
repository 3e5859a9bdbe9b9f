namespace Vireo.Vhost.Queues;

/// <summary>
/// A buffer that is one run of guest memory, taken off the ring with many others at once (<see cref="VirtQueue.TakeRuns"/>). The memory
/// is mapped until the run is given back, in the same call of the device in which it was taken.
/// </summary>
public struct BufferRun
{
    /// <summary>First byte.</summary>
    public nint Address { get; internal set; }

    /// <summary>Length in bytes, not negative.</summary>
    public int LengthBytes { get; internal set; }

    /// <summary>Bytes that the device wrote, from the first one on; set before a writable run is given back.</summary>
    public uint WrittenBytes { get; set; }

    /// <summary>Index of the descriptor.</summary>
    internal ushort Head { get; set; }
}
