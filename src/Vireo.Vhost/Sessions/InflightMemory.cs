using System.Numerics;
using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost.Sessions;

/// <summary>The mapped memory that tracks the requests in flight of all queues of a device.</summary>
/// <remarks>
/// A front end asks for queues of the size that it has by default, but a guest's driver may choose a larger one (the firmware does under
/// QEMU 10). So the region is made for the largest, and how many descriptors it has room for follows from its length, which the front end keeps.
/// </remarks>
internal sealed class InflightMemory : IDisposable
{
    private readonly SharedMapping _mapping;
    private readonly int _queueCount;
    private readonly int _descriptorCount;

    private InflightMemory(SharedMapping mapping, int queueCount, int descriptorCount)
    {
        _mapping = mapping;
        _queueCount = queueCount;
        _descriptorCount = descriptorCount;
    }

    /// <summary>Whether a front end's wish for so many queues of such a size can be met.</summary>
    public static bool IsAcceptable(in InflightDescription wanted, IVhostUserDevice device) =>
        wanted.QueueCount > 0 && wanted.QueueCount <= device.QueueCount && wanted.QueueSize <= device.QueueSizeMax
        && BitOperations.IsPow2((uint)wanted.QueueSize);

    /// <summary>Bytes of a new region for as many queues as <paramref name="wanted"/> says, each of any size that <paramref name="device"/> takes.</summary>
    public static long LengthBytes(in InflightDescription wanted, IVhostUserDevice device) =>
        (long)InflightQueue.StrideBytes(device.QueueSizeMax) * wanted.QueueCount;

    /// <summary>Maps the memory that the front end kept, or says why it cannot be accepted.</summary>
    public static InflightMemory? TryMap(in InflightDescription description, IVhostUserDevice device, Descriptor file, out string? reason)
    {
        var descriptorCount = device.QueueSizeMax;
        while (descriptorCount > description.QueueSize && (ulong)InflightQueue.StrideBytes(descriptorCount) * description.QueueCount > description.LengthBytes)
        {
            descriptorCount /= 2;
        }

        var needed = (long)InflightQueue.StrideBytes(descriptorCount) * description.QueueCount;
        if (description.LengthBytes < (ulong)needed || description.FileOffset > long.MaxValue || description.FileOffset % 64 != 0)
        {
            reason = $"the inflight region has {description.LengthBytes} bytes at {description.FileOffset}, {needed} are needed";
            return null;
        }

        if (!MemoryFile.CannotShrink(file))
        {
            reason = "the inflight region is not sealed, so it is not one that was made here";
            return null;
        }

        try
        {
            var memory = new InflightMemory(SharedMapping.Map(file, (long)description.FileOffset, needed), description.QueueCount, descriptorCount);
            for (var i = 0; i < description.QueueCount; i++)
            {
                if (!memory.Queue(i, descriptorCount).IsUsable)
                {
                    memory.Dispose();
                    reason = $"the inflight region of queue {i} is of another version or size";
                    return null;
                }
            }

            reason = null;
            return memory;
        }
        catch (IOException failure)
        {
            reason = $"the inflight region cannot be mapped: {failure.Message}";
            return null;
        }
    }

    /// <summary>Whether queue <paramref name="index"/> of <paramref name="size"/> descriptors is tracked here.</summary>
    public bool Covers(int index, int size) => index < _queueCount && size <= _descriptorCount;

    /// <summary>The part of queue <paramref name="index"/>, which has <paramref name="size"/> descriptors.</summary>
    public InflightQueue Queue(int index, int size) => new(_mapping.Address + (InflightQueue.StrideBytes(_descriptorCount) * index), size);

    public override string ToString() => $"for {_queueCount} queues of {_descriptorCount} descriptors";

    public void Dispose() => _mapping.Dispose();
}
