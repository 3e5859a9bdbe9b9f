using System.Buffers.Binary;

namespace Vireo.Disks.Vhdx;

/// <summary>Goes through the entries of a clean file's block table that are not zero, piece by piece, and changes some of them.</summary>
/// <param name="parts">The image as it was just read.</param>
/// <param name="rewrite">Changes the file.</param>
internal sealed class VhdxTableScan(VhdxParts parts, VhdxRewrite rewrite)
{
    private readonly byte[] _piece = new byte[64 << 10];

    /// <summary>Calls <paramref name="visit"/> with the index of each entry that is not zero, and the entry.</summary>
    public void ForEach(Action<long, VhdxBatEntry> visit)
    {
        var layout = parts.Layout;
        var table = parts.Regions.BlockTable.OffsetBytes;
        for (var position = 0L; position < layout.TableBytes; position += _piece.Length)
        {
            var runBytes = rewrite.File.MeasureRun(table + position, layout.TableBytes - position, out var isHole);
            if (isHole && runBytes >= _piece.Length)
            {
                position += (runBytes / _piece.Length * _piece.Length) - _piece.Length;
                continue;
            }

            var count = (int)Math.Min(_piece.Length, layout.TableBytes - position);
            rewrite.Read(table + position, _piece.AsSpan(0, count));
            for (var i = 0; i < count; i += VhdxBatEntry.LengthBytes)
            {
                var value = BinaryPrimitives.ReadUInt64LittleEndian(_piece.AsSpan(i));
                if (value != 0)
                {
                    visit((position + i) / VhdxBatEntry.LengthBytes, new VhdxBatEntry(value));
                }
            }
        }
    }

    /// <summary>Changes an entry with the next commit.</summary>
    public void Set(long index, VhdxBatEntry entry)
    {
        Span<byte> value = stackalloc byte[VhdxBatEntry.LengthBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(value, entry.Value);
        rewrite.Change(parts.Regions.BlockTable.OffsetBytes + (index * VhdxBatEntry.LengthBytes), value);
    }
}
