using System.Runtime.CompilerServices;
using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>What an open image is made of. Maintenance that moves the parts makes new ones.</summary>
internal sealed class VhdxParts
{
    /// <summary>Puts the parts of an opened file together.</summary>
    /// <param name="file">The image, with its log replayed.</param>
    /// <param name="opened">What was read and checked.</param>
    /// <param name="newId">Source of fresh ids.</param>
    /// <param name="background">Runs work later, somewhere else.</param>
    public VhdxParts(IImageFile file, VhdxOpening opened, Func<Guid> newId, Action<Action> background)
    {
        Metadata = opened.Metadata;
        Layout = opened.Layout;
        Regions = opened.Regions;
        Space = opened.Space;
        Taken = opened.Taken;
        var store = new VhdxPageStore(file);
        Table = new VhdxBlockTable(store, Layout, opened.Regions.BlockTable.OffsetBytes, new VhdxEntryCheck(Layout, file, opened.Taken), opened.Space);
        Sectors = new VhdxSectorMap(store, Layout, Table);
        Log = new VhdxMetadataLog(file, opened.Headers, store, newId, background);
        Allocator = new VhdxAllocator(file, Table, Sectors, Layout, Log, opened.Space);
    }

    /// <summary>Known metadata items.</summary>
    public VhdxMetadata Metadata { get; }

    /// <summary>How the virtual disk maps to the table.</summary>
    public VhdxLayout Layout { get; }

    /// <summary>Where the parts of the file are.</summary>
    public VhdxRegions Regions { get; }

    /// <summary>What was in use when the file was opened.</summary>
    public VhdxSpace Space { get; }

    /// <summary>The regions and the log.</summary>
    public IReadOnlyList<VhdxTakenRange> Taken { get; }

    /// <summary>Where blocks are.</summary>
    public VhdxBlockTable Table { get; }

    /// <summary>Which sectors of partially present blocks are there.</summary>
    public VhdxSectorMap Sectors { get; }

    /// <summary>Orders changes and keeps them.</summary>
    public VhdxMetadataLog Log { get; }

    /// <summary>Gives blocks their place.</summary>
    public VhdxAllocator Allocator { get; }

    /// <summary>Finds where bytes of the virtual disk come from: as many of them as lie together.</summary>
    /// <param name="offsetBytes">First byte.</param>
    /// <param name="lengthBytes">How many are of interest, at least one.</param>
    /// <param name="run">At least one sector, at most <paramref name="lengthBytes"/>.</param>
    public BlockStatus Find(long offsetBytes, int lengthBytes, out VhdxRun run)
    {
        var status = FindInBlock(offsetBytes, lengthBytes, out run);

        // Blocks that were written one after the other lie one behind the other: one call for all of them.
        while (run.LengthBytes < lengthBytes && status == BlockStatus.Ok && Layout.PositionInBlock(offsetBytes + run.LengthBytes) == 0)
        {
            status = FindInBlock(offsetBytes + run.LengthBytes, lengthBytes - run.LengthBytes, out var next);
            if (status != BlockStatus.Ok || next.Source != run.Source || (run.Source == VhdxSource.File && next.FileOffset != run.FileOffset + run.LengthBytes))
            {
                return BlockStatus.Ok;
            }

            run = run with { LengthBytes = run.LengthBytes + next.LengthBytes };
        }

        return status;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private BlockStatus FindInBlock(long offsetBytes, int lengthBytes, out VhdxRun run)
    {
        var block = Layout.BlockOf(offsetBytes);
        var position = Layout.PositionInBlock(offsetBytes);
        var pieceBytes = Math.Min(lengthBytes, Layout.BlockSizeBytes - position);
        var status = Table.Get(block, out var entry);
        var source = VhdxSource.Zeros;
        if (entry.State == VhdxBlockState.FullyPresent)
        {
            source = VhdxSource.File;
        }
        else if (entry.State == VhdxBlockState.PartiallyPresent && status == BlockStatus.Ok)
        {
            status = Sectors.MeasureRun(block, position, pieceBytes, out var isPresent, out pieceBytes);
            source = isPresent ? VhdxSource.File : VhdxSource.Parent;
        }
        else if (entry.State == VhdxBlockState.NotPresent && Layout.HasParent)
        {
            source = VhdxSource.Parent;
        }

        run = new VhdxRun(source, entry.OffsetBytes + position, pieceBytes);
        return status;
    }
}
