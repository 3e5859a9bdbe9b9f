using System.Buffers.Binary;

namespace Vireo.Extensions.OpenFlow;

/// <summary>
/// The flow tables and how controllers change them (OpenFlow 1.3.5, 6.4 and 7.3.4.1). Changes come one at a time; the packet thread reads the tables
/// without waiting.
/// </summary>
internal sealed class Pipeline(TimeProvider clock)
{
    /// <summary>Tables.</summary>
    public const int Tables = 8;

    /// <summary>Entries in all tables.</summary>
    public const int EntriesMax = 16_384;

    private const ushort SendRemoved = 1;
    private const ushort CheckOverlap = 2;
    private const byte AllTables = 0xFF;
    private readonly Lock _lock = new();
    private readonly FlowTable[] _tables = [.. Enumerable.Range(0, Tables).Select(_ => new FlowTable([]))];
    private readonly long[] _lookups = new long[Tables];
    private readonly long[] _matched = new long[Tables];

    /// <summary>Called for an entry that is gone and whose controller asked to be told: reason 0 idle, 1 hard, 2 deleted.</summary>
    public Action<FlowEntry, byte>? Removed { get; set; }

    /// <summary>All entries.</summary>
    public IEnumerable<FlowEntry> Entries => Enumerable.Range(0, Tables).SelectMany(table => Volatile.Read(ref _tables[table]).Entries);

    /// <summary>Frames looked up in a table, and those that an entry matched.</summary>
    public (long Lookups, long Matched, int Entries) Counters(int table) => (Volatile.Read(ref _lookups[table]), Volatile.Read(ref _matched[table]), Volatile.Read(ref _tables[table]).Entries.Count);

    /// <summary>The entry of a table that matches a frame, counted. On the packet thread.</summary>
    public FlowEntry? Find(int table, in FlowKey key, int bytes)
    {
        _lookups[table]++;
        var entry = Volatile.Read(ref _tables[table]).Find(key);
        if (entry is not null)
        {
            _matched[table]++;
            entry.Packets++;
            entry.Bytes += bytes;
            entry.LastUsed = clock.GetTimestamp();
        }

        return entry;
    }

    /// <summary>What a switch without a controller does: everything as if there were no OpenFlow.</summary>
    public void SetNormal()
    {
        byte[] instructions = [0, 4, 0, 24, 0, 0, 0, 0, 0, 0, 0, 16, 0xFF, 0xFF, 0xFF, 0xFA, 0, 0, 0, 0, 0, 0, 0, 0];
        Put(0, [new FlowEntry
        {
            Table = 0, Priority = 0, Match = default, Actions = new FlowActions { Outputs = [ReservedPort.Normal] }, MatchBytes = [0, 1, 0, 4, 0, 0, 0, 0],
            InstructionBytes = instructions, Created = clock.GetTimestamp(), LastUsed = clock.GetTimestamp(),
        }]);
    }

    /// <summary>Carries out a flow modification.</summary>
    /// <param name="body">Behind the header of the message.</param>
    /// <returns>What is wrong, or <see cref="ProtocolError.None"/>.</returns>
    public ProtocolError Modify(ReadOnlySpan<byte> body)
    {
        const int fixedBytes = 40;
        if (body.Length < fixedBytes)
        {
            return ProtocolError.BadLength;
        }

        var cookie = BinaryPrimitives.ReadUInt64BigEndian(body);
        var cookieMask = BinaryPrimitives.ReadUInt64BigEndian(body[8..]);
        var table = body[16];
        var command = body[17];
        var idle = BinaryPrimitives.ReadUInt16BigEndian(body[18..]);
        var hard = BinaryPrimitives.ReadUInt16BigEndian(body[20..]);
        var priority = BinaryPrimitives.ReadUInt16BigEndian(body[22..]);
        var buffer = BinaryPrimitives.ReadUInt32BigEndian(body[24..]);
        var outPort = BinaryPrimitives.ReadUInt32BigEndian(body[28..]);
        var flags = BinaryPrimitives.ReadUInt16BigEndian(body[36..]);
        var isDelete = command is 3 or 4;
        if (command > 4)
        {
            return ProtocolError.BadCommand;
        }

        if (buffer != uint.MaxValue && !isDelete)
        {
            return ProtocolError.BufferUnknown;
        }

        if ((flags & ~0x1F) != 0)
        {
            return ProtocolError.BadFlags;
        }

        if (table >= Tables && !(isDelete && table == AllTables))
        {
            return ProtocolError.BadTable;
        }

        var error = MatchParser.TryParse(body[fixedBytes..], out var match, out var matchBytes);
        if (error != ProtocolError.None)
        {
            return error;
        }

        var selection = new Selection(match, priority, command is 2 or 4, cookie, cookieMask, isDelete ? outPort : ReservedPort.Any);
        if (isDelete)
        {
            Delete(table, selection);
            return ProtocolError.None;
        }

        var instructions = body[(fixedBytes + matchBytes)..];
        error = ActionParser.TryParseInstructions(instructions, table, Tables, out var actions, out var next);
        if (error != ProtocolError.None)
        {
            return error;
        }

        var now = clock.GetTimestamp();
        var entry = new FlowEntry
        {
            Table = table,
            Priority = priority,
            Match = match,
            Actions = actions,
            Next = next,
            Cookie = cookie,
            IdleSeconds = idle,
            HardSeconds = hard,
            Flags = flags,
            MatchBytes = body.Slice(fixedBytes, matchBytes).ToArray(),
            InstructionBytes = instructions.ToArray(),
            Created = now,
            LastUsed = now,
        };
        return command == 0 ? Add(entry) : Change(table, selection, entry);
    }

    /// <summary>Entries of a table, or of all, that a request for statistics selects.</summary>
    public IReadOnlyList<FlowEntry> Select(byte table, in FlowMatch match, ulong cookie, ulong cookieMask, uint outPort)
    {
        var selection = new Selection(match, 0, false, cookie, cookieMask, outPort);
        return [.. Entries.Where(entry => (table == AllTables || entry.Table == table) && selection.Selects(entry))];
    }

    /// <summary>Removes entries whose time has passed.</summary>
    public void Expire()
    {
        List<(FlowEntry Entry, byte Reason)> gone = [];
        lock (_lock)
        {
            for (var table = 0; table < Tables; table++)
            {
                var before = gone.Count;
                foreach (var entry in _tables[table].Entries)
                {
                    if (entry.HardSeconds > 0 && clock.GetElapsedTime(entry.Created).TotalSeconds >= entry.HardSeconds)
                    {
                        gone.Add((entry, 1));
                    }
                    else if (entry.IdleSeconds > 0 && clock.GetElapsedTime(Volatile.Read(ref entry.LastUsed)).TotalSeconds >= entry.IdleSeconds)
                    {
                        gone.Add((entry, 0));
                    }
                }

                if (gone.Count > before)
                {
                    var removed = gone.Skip(before).Select(one => one.Entry).ToHashSet();
                    Put(table, _tables[table].Entries.Where(entry => !removed.Contains(entry)));
                }
            }
        }

        foreach (var (entry, reason) in gone)
        {
            Tell(entry, reason);
        }
    }

    private ProtocolError Add(FlowEntry entry)
    {
        lock (_lock)
        {
            var entries = _tables[entry.Table].Entries;
            if ((entry.Flags & CheckOverlap) != 0 && entries.Any(other => other.Priority == entry.Priority && Overlap(other.Match, entry.Match)))
            {
                return ProtocolError.Overlap;
            }

            var kept = entries.Where(other => other.Priority != entry.Priority || other.Match != entry.Match).ToList();
            if (kept.Count == entries.Count && Entries.Count() >= EntriesMax)
            {
                return ProtocolError.TableFull;
            }

            Put(entry.Table, [.. kept, entry]);
        }

        return ProtocolError.None;
    }

    // 6.4: a modification replaces the instructions and leaves counters, times and cookie.
    private ProtocolError Change(byte table, Selection selection, FlowEntry with)
    {
        lock (_lock)
        {
            Put(table, _tables[table].Entries.Select(entry => !selection.Selects(entry) ? entry : new FlowEntry
            {
                Table = entry.Table,
                Priority = entry.Priority,
                Match = entry.Match,
                Actions = with.Actions,
                Next = with.Next,
                Cookie = entry.Cookie,
                IdleSeconds = entry.IdleSeconds,
                HardSeconds = entry.HardSeconds,
                Flags = entry.Flags,
                MatchBytes = entry.MatchBytes,
                InstructionBytes = with.InstructionBytes,
                Created = entry.Created,
                Packets = entry.Packets,
                Bytes = entry.Bytes,
                LastUsed = entry.LastUsed,
            }));
        }

        return ProtocolError.None;
    }

    private void Delete(byte table, Selection selection)
    {
        List<FlowEntry> gone = [];
        lock (_lock)
        {
            for (var one = 0; one < Tables; one++)
            {
                if (table == AllTables || table == one)
                {
                    var selected = _tables[one].Entries.Where(selection.Selects).ToHashSet();
                    if (selected.Count > 0)
                    {
                        gone.AddRange(selected);
                        Put(one, _tables[one].Entries.Where(entry => !selected.Contains(entry)));
                    }
                }
            }
        }

        foreach (var entry in gone)
        {
            Tell(entry, 2);
        }
    }

    private void Put(int table, IEnumerable<FlowEntry> entries) => Volatile.Write(ref _tables[table], new FlowTable(entries));

    private void Tell(FlowEntry entry, byte reason)
    {
        if ((entry.Flags & SendRemoved) != 0)
        {
            Removed?.Invoke(entry, reason);
        }
    }

    private static bool Overlap(in FlowMatch one, in FlowMatch other)
    {
        var both = one.Mask.And(other.Mask);
        return one.Value.And(both).Equals(other.Value.And(both));
    }

    private sealed record Selection(FlowMatch Match, ushort Priority, bool IsStrict, ulong Cookie, ulong CookieMask, uint OutPort)
    {
        public bool Selects(FlowEntry entry) =>
            (entry.Cookie & CookieMask) == (Cookie & CookieMask)
            && entry.Outputs(OutPort)
            && (IsStrict ? entry.Priority == Priority && entry.Match == Match : entry.Match.Mask.Covers(Match.Mask) && entry.Match.Value.And(Match.Mask).Equals(Match.Value));
    }
}
