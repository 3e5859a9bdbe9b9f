using Vireo.Vhost.Memory;
using Vireo.Vhost.Protocol;

namespace Vireo.Vhost.Queues;

/// <summary>Where the three parts of a queue are mapped, and where writes to the used ring are logged (null: nowhere).</summary>
internal readonly record struct QueueAddresses(nint Descriptors, nint Available, nint Used, ulong? UsedLogAddress)
{
    /// <summary>
    /// Finds the parts in <paramref name="memory"/>: each whole, in one run, and aligned as virtio 1.2 2.7 "Split Virtqueues" demands.
    /// The sizes include the event fields at the end of both rings.
    /// </summary>
    public static bool TryTranslate(GuestMemory memory, in VringAddress wanted, int size, out QueueAddresses addresses)
    {
        var descriptors = memory.TranslateUser(wanted.Descriptors, (ulong)size * 16);
        var available = memory.TranslateUser(wanted.Available, 6 + ((ulong)size * 2));
        var used = memory.TranslateUser(wanted.Used, 6 + ((ulong)size * 8));
        addresses = new QueueAddresses(descriptors, available, used, wanted.LogsUsedRing ? wanted.LogAddress : null);
        return descriptors != 0 && available != 0 && used != 0 && descriptors % 16 == 0 && available % 2 == 0 && used % 4 == 0;
    }
}

/// <summary>All that a queue needs to start.</summary>
internal readonly record struct QueueSetup(
    int Size, ulong Features, ushort Base, GuestMemory Memory, QueueAddresses Addresses, InflightQueue? Inflight);
