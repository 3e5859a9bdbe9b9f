using Vireo.Platform;

namespace Vireo.Switch.Acls;

/// <summary>
/// Conversations whose answers may pass, with the time until which they may. The capacity is fixed; where a window is full of live ones the
/// new one is not noted, so that whoever opens very many harms only itself. Owned by the packet thread.
/// </summary>
internal sealed class FlowTable
{
    private const int Window = 8;
    private readonly Entry[] _entries;
    private readonly ulong _key;
    private readonly int _shift;

    /// <summary>An empty table.</summary>
    /// <param name="capacity">A power of two.</param>
    /// <param name="key">Random.</param>
    public FlowTable(int capacity, ulong key)
    {
        Invariant.Check(capacity >= Window && int.IsPow2(capacity));
        _entries = new Entry[capacity + Window];
        _key = key;
        _shift = 64 - int.Log2(capacity);
    }

    /// <summary>Conversations that found no place.</summary>
    public long NotNoted { get; private set; }

    /// <summary>Whether <paramref name="flow"/> is known; if so it is kept for its idle time from now on.</summary>
    public bool Touch(in Flow flow, uint now)
    {
        var first = (int)(flow.Hash(_key) >> _shift);
        for (var index = first; index < first + Window; index++)
        {
            ref var entry = ref _entries[index];
            if (entry.Idle != 0 && entry.Flow == flow)
            {
                if ((int)(entry.Until - now) < 0)
                {
                    return false;
                }

                entry.Until = now + entry.Idle;
                return true;
            }
        }

        return false;
    }

    /// <summary>Notes a conversation.</summary>
    public void Note(in Flow flow, uint idleSeconds, uint now)
    {
        var first = (int)(flow.Hash(_key) >> _shift);
        var place = -1;
        for (var index = first; index < first + Window; index++)
        {
            ref var entry = ref _entries[index];
            if (entry.Idle != 0 && entry.Flow == flow)
            {
                place = index;
                break;
            }

            if (place < 0 && (entry.Idle == 0 || (int)(entry.Until - now) < 0))
            {
                place = index;
            }
        }

        if (place < 0)
        {
            NotNoted++;
            return;
        }

        _entries[place] = new Entry(flow, idleSeconds, now + idleSeconds);
    }

    private record struct Entry(Flow Flow, uint Idle, uint Until);
}
