namespace Vireo.Crash.Tests.Disks;

/// <summary>
/// What a disk can hold after the power went between two changes: everything before the last flush, and of what came later any choice, sector
/// by sector: torn, reordered, lost.
/// </summary>
internal static class PowerCut
{
    private const int SectorBytes = 512;

    /// <summary>The disk when everything before change <paramref name="count"/> reached it: what a killed process leaves.</summary>
    public static byte[] Kill(SimulatedDisk disk, int count)
    {
        var content = new Content(disk.Start);
        foreach (var change in disk.History.Take(count))
        {
            content.Apply(change);
        }

        return content.Finish();
    }

    /// <summary>One disk out of those that a power cut before change <paramref name="count"/> can leave.</summary>
    public static byte[] Cut(SimulatedDisk disk, int count, Random random)
    {
        var lastFlush = count == 0 ? -1 : disk.History.FindLastIndex(count - 1, count, change => change.Kind == ChangeKind.Flush);
        var content = new Content(disk.Start);
        foreach (var change in disk.History.Take(lastFlush + 1))
        {
            content.Apply(change);
        }

        // Which share of the unflushed arrives; none and all are the corners.
        var share = random.Next(4) switch
        {
            0 => 0,
            1 => 1,
            _ => random.NextDouble(),
        };
        var whole = random.Next(2) == 0;
        var late = disk.History.Skip(lastFlush + 1).Take(count - lastFlush - 1).ToArray();
        var length = content.Length;
        // A file system may keep the new length back although it wrote the new bytes of older places.
        var losesLength = random.Next(3) == 0;
        foreach (var change in losesLength ? [] : late)
        {
            if (change.Kind == ChangeKind.Length && random.NextDouble() < share)
            {
                length = Math.Max(length, change.Length);
            }
            else if (change.Kind == ChangeKind.Write && change.Offset + change.Length > length && random.NextDouble() < share)
            {
                length = Math.Max(length, change.Offset + change.Length);
            }
        }

        content.SetLength(length);
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
                    content.ApplyPart(change, offset, Math.Min(SectorBytes, change.Length - offset));
                }
            }
        }

        return content.Finish();
    }

    private sealed class Content(byte[] start)
    {
        private byte[] _bytes = (byte[])start.Clone();

        public long Length { get; private set; } = start.Length;

        public void SetLength(long length)
        {
            if (length > _bytes.Length)
            {
                Array.Resize(ref _bytes, (int)length);
            }

            Length = Math.Max(Length, length);
        }

        public void Apply(RecordedChange change)
        {
            if (change.Kind == ChangeKind.Length)
            {
                SetLength(change.Length);
            }
            else if (change.Kind is ChangeKind.Write or ChangeKind.Zero)
            {
                SetLength(change.Offset + change.Length);
                ApplyPart(change, 0, change.Length);
            }
        }

        // What lies behind the end of the file when its length did not arrive is lost.
        public void ApplyPart(RecordedChange change, long start, long length)
        {
            length = Math.Min(length, Length - change.Offset - start);
            if (length <= 0)
            {
                return;
            }

            var target = _bytes.AsSpan((int)(change.Offset + start), (int)length);
            if (change.Content is null)
            {
                target.Clear();
            }
            else
            {
                change.Content.AsSpan((int)start, (int)length).CopyTo(target);
            }
        }

        public byte[] Finish() => _bytes.AsSpan(0, (int)Length).ToArray();
    }
}
