using System.Numerics;
using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost.Sessions;

/// <summary>The mapped memory that tracks the requests in flight of all queues of a device.</summary>
internal sealed class InflightMemory : IDisposable
{
    private readonly SharedMapping _mapping;
    private readonly InflightDescription _description;

    private InflightMemory(SharedMapping mapping, in InflightDescription description)
    {
        _mapping = mapping;
        _description = description;
    }

    /// <summary>Whether a front end's wish for so many queues of such a size can be met.</summary>
    public static bool IsAcceptable(in InflightDescription wanted, IVhostUserDevice device) =>
        wanted.QueueCount > 0 && wanted.QueueCount <= device.QueueCount && wanted.QueueSize <= device.QueueSizeMax
        && BitOperations.IsPow2((uint)wanted.QueueSize);

    /// <summary>Bytes that <paramref name="wanted"/> takes.</summary>
    public static long LengthBytes(in InflightDescription wanted) => (long)InflightQueue.StrideBytes(wanted.QueueSize) * wanted.QueueCount;

    /// <summary>Maps the memory that the front end kept, or says why it cannot be accepted.</summary>
    public static InflightMemory? TryMap(in InflightDescription description, Descriptor file, out string? reason)
    {
        var needed = LengthBytes(description);
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
            var memory = new InflightMemory(SharedMapping.Map(file, (long)description.FileOffset, needed), description);
            for (var i = 0; i < description.QueueCount; i++)
            {
                if (!memory.Queue(i).IsUsable)
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
    public bool Covers(int index, int size) => index < _description.QueueCount && size <= _description.QueueSize;

    /// <summary>The part of queue <paramref name="index"/>.</summary>
    public InflightQueue Queue(int index) =>
        new(_mapping.Address + (InflightQueue.StrideBytes(_description.QueueSize) * index), _description.QueueSize);

    public void Dispose() => _mapping.Dispose();
}
