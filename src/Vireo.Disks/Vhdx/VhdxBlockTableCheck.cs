using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Looks through a table before the first request: states that exist, blocks inside the file, none over another or over a region.
/// Afterwards every offset in the table can be trusted.
/// </summary>
internal sealed class VhdxBlockTableCheck
{
    private readonly List<long> _offsets = [];

    /// <summary>Where the last block or region ends: new blocks go there.</summary>
    public long EndBytes { get; private set; } = VhdxLimits.Megabyte;

    /// <summary>Checks every payload entry. Bitmap entries are not looked at: files without a parent do not use them, and some programs leave nonsense there.</summary>
    /// <param name="file">The file as it is after replay.</param>
    /// <param name="table">The table; an offset that a block without content keeps, but that is of no use, is taken out in memory.</param>
    /// <param name="layout">Of the virtual disk.</param>
    /// <param name="tableOffset">Place of the table, for messages.</param>
    /// <param name="taken">The regions and the log.</param>
    /// <exception cref="ImageException">An entry contradicts the format or another entry.</exception>
    public void Run(IImageFile file, VhdxBlockTable table, VhdxLayout layout, long tableOffset, IReadOnlyList<(long Offset, long Length, string Name)> taken)
    {
        foreach (var (offset, length, _) in taken)
        {
            EndBytes = Math.Max(EndBytes, offset + length);
        }

        List<(long Index, VhdxBatEntry Entry)> kept = [];
        for (var block = 0L; block < layout.BlockCount; block++)
        {
            var index = layout.EntryOf(block);
            var entry = table[index];
            if (entry.Value == 0)
            {
                continue;
            }

            switch (entry.State)
            {
                case VhdxBlockState.FullyPresent:
                    var problem = FindProblem(file, layout, entry, taken);
                    if (problem is not null)
                    {
                        throw ImageException.Corrupt(file.Path, tableOffset + (index * VhdxBatEntry.LengthBytes), $"block {block} {problem}");
                    }

                    _offsets.Add(entry.OffsetBytes);
                    break;
                case VhdxBlockState.Undefined or VhdxBlockState.Unmapped when entry.RawOffsetBytes != 0:
                    kept.Add((index, entry));
                    break;
                case VhdxBlockState.NotPresent or VhdxBlockState.Undefined or VhdxBlockState.Zero or VhdxBlockState.Unmapped:
                    table.Store(index, new VhdxBatEntry(entry.State, 0));
                    break;
                default:
                    throw ImageException.Corrupt(
                        file.Path, tableOffset + (index * VhdxBatEntry.LengthBytes), $"block {block} is in state {(int)entry.State}, which a disk without a parent cannot have");
            }
        }

        _offsets.Sort();
        for (var i = 1; i < _offsets.Count; i++)
        {
            if (_offsets[i] - _offsets[i - 1] < layout.BlockSizeBytes)
            {
                throw ImageException.Corrupt(
                    file.Path, tableOffset, $"two blocks overlap in the file, at {_offsets[i - 1]} and {_offsets[i]}, with blocks of {layout.BlockSizeBytes} bytes");
            }
        }

        KeepUsable(file, table, layout, taken, kept);
        if (_offsets.Count > 0)
        {
            EndBytes = Math.Max(EndBytes, _offsets[^1] + layout.BlockSizeBytes);
        }
    }

    // The space of a trimmed block stays its own when nobody else claims it; otherwise the block gets new space when it is written.
    private void KeepUsable(
        IImageFile file, VhdxBlockTable table, VhdxLayout layout, IReadOnlyList<(long Offset, long Length, string Name)> taken, List<(long Index, VhdxBatEntry Entry)> kept)
    {
        if (kept.Count == 0)
        {
            return;
        }

        var used = new SortedSet<long>(_offsets);
        foreach (var (index, entry) in kept)
        {
            if (FindProblem(file, layout, entry, taken) is not null
                || used.GetViewBetween(Math.Max(0, entry.OffsetBytes - layout.BlockSizeBytes + 1), entry.OffsetBytes + layout.BlockSizeBytes - 1).Count > 0)
            {
                table.Store(index, new VhdxBatEntry(entry.State, 0));
                continue;
            }

            used.Add(entry.OffsetBytes);
        }

        _offsets.Clear();
        _offsets.AddRange(used);
    }

    private static string? FindProblem(IImageFile file, VhdxLayout layout, VhdxBatEntry entry, IReadOnlyList<(long Offset, long Length, string Name)> taken)
    {
        if (entry.RawOffsetBytes < VhdxLimits.Megabyte)
        {
            return "is said to be present but has no place in the file";
        }

        if (entry.RawOffsetBytes > (ulong)file.LengthBytes || entry.OffsetBytes > file.LengthBytes - layout.BlockSizeBytes)
        {
            return $"lies at {entry.RawOffsetBytes}+{layout.BlockSizeBytes}, behind the end of the file ({file.LengthBytes}): the file is truncated";
        }

        foreach (var (offset, length, name) in taken)
        {
            if (entry.OffsetBytes < offset + length && offset < entry.OffsetBytes + layout.BlockSizeBytes)
            {
                return $"lies at {entry.OffsetBytes}, over {name} at {offset}+{length}";
            }
        }

        return null;
    }
}
