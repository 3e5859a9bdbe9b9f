namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// What a disk can hold after the power went between two changes: everything before the last flush, and of what came later any choice, sector
/// by sector: torn, reordered, lost. Lengths arrive in their order, as a file system's journal keeps it, as far as they arrive.
/// </summary>
/// <param name="disk">What happened.</param>
internal sealed class PowerCut(SimulatedDisk disk)
{
    private const int SectorBytes = 512;
    private readonly SparseBytes _durable = disk.Start.Clone();
    private int _durableCount;

    /// <summary>The disk when everything before change <paramref name="count"/> reached it: what a killed process leaves.</summary>
    public static SparseBytes Kill(SimulatedDisk disk, int count)
    {
        var content = disk.Start.Clone();
        for (var i = 0; i < count; i++)
        {
            Apply(content, disk.History[i]);
        }

        return content;
    }

    /// <summary>One disk out of those that a power cut before change <paramref name="count"/> can leave. Cheap when the counts that are asked for grow.</summary>
    public SparseBytes Cut(int count, Random random)
    {
        var lastFlush = count == 0 ? -1 : disk.History.FindLastIndex(count - 1, count, change => change.Kind == ChangeKind.Flush);
        Assert.True(_durableCount <= lastFlush + 1, "cuts are asked for in order");
        for (; _durableCount <= lastFlush; _durableCount++)
        {
            Apply(_durable, disk.History[_durableCount]);
        }

        // Which share of the unflushed arrives; none and all are the corners.
        var content = _durable.Clone();
        var share = random.Next(4) switch
        {
            0 => 0,
            1 => 1,
            _ => random.NextDouble(),
        };
        var whole = random.Next(2) == 0;
        var late = disk.History.GetRange(lastFlush + 1, count - lastFlush - 1).ToArray();
        SetLength(content, late, random.Next(3) == 0 ? random.Next(late.Length + 1) : late.Length);
        random.Shuffle(late);
        foreach (var change in late.Where(change => change.Kind is ChangeKind.Write or ChangeKind.Zero))
        {
            if (whole && random.NextDouble() >= share)
            {
                continue;
            }

            for (var offset = 0L; offset < change.Length; offset += SectorBytes)
            {
                if (whole || random.NextDouble() < share)
                {
                    // What lies behind the end of the file when its length did not arrive is lost.
                    var length = Math.Min(Math.Min(SectorBytes, change.Length - offset), content.Length - change.Offset - offset);
                    ApplyPart(content, change, offset, length);
                }
            }
        }

        return content;
    }

    private static void SetLength(SparseBytes content, RecordedChange[] late, int count)
    {
        for (var i = 0; i < count; i++)
        {
            if (late[i].Kind == ChangeKind.Length)
            {
                content.SetLength(late[i].Length);
            }
            else if (late[i].Kind == ChangeKind.Write && late[i].Offset + late[i].Length > content.Length)
            {
                content.SetLength(late[i].Offset + late[i].Length);
            }
        }
    }

    private static void Apply(SparseBytes content, RecordedChange change)
    {
        if (change.Kind == ChangeKind.Length)
        {
            content.SetLength(change.Length);
        }
        else if (change.Kind is ChangeKind.Write or ChangeKind.Zero)
        {
            ApplyPart(content, change, 0, change.Length);
        }
    }

    private static void ApplyPart(SparseBytes content, RecordedChange change, long start, long length)
    {
        if (length <= 0)
        {
            return;
        }

        if (change.Content is null)
        {
            content.Clear(change.Offset + start, length);
        }
        else
        {
            content.Write(change.Offset + start, change.Content.AsSpan((int)start, (int)length));
        }
    }
}
