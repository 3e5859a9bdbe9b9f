namespace Vireo.Extensions.OpenFlow;

/// <summary>A flow entry. Everything but the counters is immutable.</summary>
internal sealed class FlowEntry
{
    public required int Table { get; init; }

    public required ushort Priority { get; init; }

    public required FlowMatch Match { get; init; }

    public required FlowActions Actions { get; init; }

    public int Next { get; init; } = -1;

    public ulong Cookie { get; init; }

    public ushort IdleSeconds { get; init; }

    public ushort HardSeconds { get; init; }

    public ushort Flags { get; init; }

    /// <summary>The match as it came, for statistics.</summary>
    public required byte[] MatchBytes { get; init; }

    /// <summary>The instructions as they came.</summary>
    public required byte[] InstructionBytes { get; init; }

    /// <summary>Ticks of the switch's clock.</summary>
    public required long Created { get; init; }

    /// <summary>Written by the packet thread.</summary>
    public long Packets;

    /// <summary>Written by the packet thread.</summary>
    public long Bytes;

    /// <summary>When it matched last. Written by the packet thread.</summary>
    public long LastUsed;

    /// <summary>Whether a frame is sent to <paramref name="port"/>.</summary>
    public bool Outputs(uint port) => port == ReservedPort.Any || Actions.Outputs.AsSpan().Contains(port);
}

/// <summary>
/// The entries of one table, for looking up. Immutable: a change makes another one. Entries with the same mask lie in one dictionary, so a lookup costs one probe for
/// each mask, the one with the highest priority first, and ends when no better entry can come.
/// </summary>
internal sealed class FlowTable
{
    private readonly Group[] _groups;

    /// <summary>A table with these entries; where two match and have the same priority, either may be found.</summary>
    public FlowTable(IEnumerable<FlowEntry> entries)
    {
        Entries = [.. entries];
        _groups =
        [
            .. Entries.GroupBy(entry => entry.Match.Mask)
                .Select(group => new Group(
                    group.Key, group.Max(entry => entry.Priority),
                    group.GroupBy(entry => entry.Match.Value).ToDictionary(same => same.Key, same => same.MaxBy(entry => entry.Priority)!)))
                .OrderByDescending(group => group.PriorityMax),
        ];
    }

    /// <summary>The entries.</summary>
    public IReadOnlyList<FlowEntry> Entries { get; }

    /// <summary>The entry with the highest priority that matches, or null.</summary>
    public FlowEntry? Find(in FlowKey key)
    {
        FlowEntry? best = null;
        foreach (var group in _groups)
        {
            if (best is not null && best.Priority >= group.PriorityMax)
            {
                break;
            }

            if (group.Entries.TryGetValue(key.And(group.Mask), out var found) && (best is null || found.Priority > best.Priority))
            {
                best = found;
            }
        }

        return best;
    }

    private sealed record Group(FlowKey Mask, ushort PriorityMax, Dictionary<FlowKey, FlowEntry> Entries);
}
