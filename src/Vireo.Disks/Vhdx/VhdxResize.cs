using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Vireo.Disks.Vhdx;

/// <summary>
/// Changes the size of the virtual disk in a clean file. Entries of the block table behind the old end are written first, where nothing
/// looks; one commit then changes the size, and the table's place if it had to become longer than its region.
/// </summary>
/// <param name="parts">The image as it was just read.</param>
/// <param name="rewrite">Changes the file; whoever calls commits.</param>
internal sealed class VhdxResize(VhdxParts parts, VhdxRewrite rewrite)
{
    private readonly VhdxLayout _old = parts.Layout;

    /// <summary>Prepares another size; with the commit it is in force.</summary>
    /// <param name="sizeBytes">The new size, checked.</param>
    /// <param name="parentBytes">Size of the parent, whose content must not show in new space; 0 without one.</param>
    /// <param name="progress">How far it is.</param>
    /// <param name="cancellationToken">Leaves the file as it is.</param>
    /// <exception cref="ImageException">The storage failed.</exception>
    public void Prepare(long sizeBytes, long parentBytes, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var layout = new VhdxLayout(sizeBytes, _old.BlockSizeBytes, parts.Metadata.Geometry.LogicalSectorBytes, _old.HasParent);
        Span<byte> size = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(size, sizeBytes);
        new VhdxMetadataEditor(parts, rewrite).Overwrite(VhdxMetadata.DiskSizeItem, size);
        if (sizeBytes < _old.SizeBytes)
        {
            return;
        }

        ClearLastBlock();
        var moves = layout.TableBytes > parts.Regions.BlockTable.LengthBytes;
        var tableBytes = moves ? VhdxFreeSpace.RoundUp(layout.TableBytes) : 0;
        var payloadBytes = parts.Metadata.LeaveBlocksAllocated ? (layout.BlockCount - _old.BlockCount) * layout.BlockSizeBytes : 0;
        var space = tableBytes + payloadBytes > 0 ? VhdxFreeSpace.Take(parts, rewrite, tableBytes + payloadBytes) : 0;
        var table = moves ? MoveTable(space, tableBytes) : parts.Regions.BlockTable.OffsetBytes;
        var payload = 0L;
        if (payloadBytes > 0)
        {
            payload = space + tableBytes;
            rewrite.Require(rewrite.File.Reserve(payload, payloadBytes), "extend");
        }

        WriteNewEntries(layout, table, payload, parentBytes, progress, cancellationToken);
    }

    /// <summary>After a commit that made the disk smaller: entries of the table that count no more become zeros, for other programs' sake.</summary>
    /// <exception cref="ImageException">The storage failed.</exception>
    public static void ClearRest(VhdxParts parts, VhdxRewrite rewrite, long oldEntryCount)
    {
        var layout = parts.Layout;
        var zeros = new byte[VhdxLimits.Megabyte];
        for (var index = layout.EntryOf(layout.BlockCount); index < oldEntryCount; index++)
        {
            if (index < layout.EntryCount)
            {
                if (!layout.IsBitmapEntry(index, out _))
                {
                    rewrite.WriteUnused(parts.Regions.BlockTable.OffsetBytes + (index * VhdxBatEntry.LengthBytes), zeros.AsSpan(0, VhdxBatEntry.LengthBytes));
                }

                continue;
            }

            var offset = index * VhdxBatEntry.LengthBytes;
            var count = (int)Math.Min(zeros.Length, (oldEntryCount * VhdxBatEntry.LengthBytes) - offset);
            rewrite.WriteUnused(parts.Regions.BlockTable.OffsetBytes + offset, zeros.AsSpan(0, count));
            index += (count / VhdxBatEntry.LengthBytes) - 1;
        }

        rewrite.Require(rewrite.File.Flush(), "write");
    }

    // What lies behind the old end in the last block would become visible.
    private void ClearLastBlock()
    {
        var last = _old.BlockCount - 1;
        var usedBytes = _old.UsedBytesOf(last);
        if (usedBytes == _old.BlockSizeBytes)
        {
            return;
        }

        rewrite.Require(parts.Table.Get(last, out var entry), "read the block table of");
        Platform.Invariant.Check(entry.State != VhdxBlockState.PartiallyPresent);
        if (entry.State == VhdxBlockState.FullyPresent)
        {
            rewrite.Require(rewrite.File.Zero(entry.OffsetBytes + usedBytes, _old.BlockSizeBytes - usedBytes), "write");
        }
    }

    private long MoveTable(long offset, long lengthBytes)
    {
        var region = parts.Regions.BlockTable;
        var piece = new byte[VhdxLimits.Megabyte];
        for (var position = 0L; position < _old.TableBytes; position += piece.Length)
        {
            var count = (int)Math.Min(piece.Length, _old.TableBytes - position);
            rewrite.Read(region.OffsetBytes + position, piece.AsSpan(0, count));
            if (piece.AsSpan(0, count).IndexOfAnyExcept((byte)0) >= 0)
            {
                rewrite.WriteUnused(offset + position, piece.AsSpan(0, count));
            }
        }

        rewrite.ChangeRegions(parts.Regions.All.Select(other => other.Id == region.Id ? other with { OffsetBytes = offset, LengthBytes = lengthBytes } : other));
        return offset;
    }

    private void WriteNewEntries(VhdxLayout layout, long table, long payload, long parentBytes, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var first = _old.EntryOf(_old.BlockCount);
        var words = new ulong[VhdxLimits.Megabyte / VhdxBatEntry.LengthBytes];
        for (var start = first; start < layout.EntryCount; start += words.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = (int)Math.Min(words.Length, layout.EntryCount - start);
            for (var i = 0; i < count; i++)
            {
                words[i] = NewEntry(layout, start + i, payload, parentBytes).Value;
            }

            rewrite.WriteUnused(table + (start * VhdxBatEntry.LengthBytes), MemoryMarshal.AsBytes(words.AsSpan(0, count)));
            progress?.Report(new CopyProgress((start + count - first) * VhdxBatEntry.LengthBytes, (layout.EntryCount - first) * VhdxBatEntry.LengthBytes));
        }
    }

    private VhdxBatEntry NewEntry(VhdxLayout layout, long index, long payload, long parentBytes)
    {
        if (layout.IsBitmapEntry(index, out var block))
        {
            // The last chunk of the disk as it was may have a bitmap.
            if (!layout.HasParent || index >= _old.EntryCount)
            {
                return default;
            }

            rewrite.Require(parts.Table.GetBitmap(layout.ChunkOf(block - 1), out var bitmap), "read the block table of");
            return bitmap;
        }

        return payload != 0 ? new VhdxBatEntry(VhdxBlockState.FullyPresent, payload + ((block - _old.BlockCount) * layout.BlockSizeBytes))
            : layout.StartOf(block) < parentBytes ? new VhdxBatEntry(VhdxBlockState.Zero, 0)
            : default;
    }
}
