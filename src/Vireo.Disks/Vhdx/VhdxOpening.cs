using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Everything that is read and checked when a VHDX file is opened; nothing is written.</summary>
/// <param name="Headers">Both headers.</param>
/// <param name="Replay">Changes that the log still has to make, or null; the other parts are read as if it had.</param>
/// <param name="Metadata">Known metadata items.</param>
/// <param name="Layout">Of the virtual disk.</param>
/// <param name="Table">Checked block table.</param>
/// <param name="EndBytes">Where the last region or block ends.</param>
internal sealed record VhdxOpening(
    VhdxHeaderPair Headers, VhdxReplay? Replay, VhdxMetadata Metadata, VhdxLayout Layout, VhdxBlockTable Table, long EndBytes)
{
    /// <summary>Reads and checks <paramref name="file"/>.</summary>
    /// <exception cref="ImageException">Damaged, truncated, of another version, or a differencing disk.</exception>
    public static VhdxOpening Read(IImageFile file)
    {
        var path = file.Path;
        if (file.LengthBytes is < VhdxLimits.Megabyte or > VhdxLimits.MaximumFileBytes)
        {
            throw ImageException.Corrupt(path, 0, $"a VHDX file cannot be {file.LengthBytes} bytes long");
        }

        Span<byte> signature = stackalloc byte[VhdxFileIdentifier.Signature.Length];
        Require(file.Read(VhdxLimits.FileIdentifierOffset, signature), path);
        if (!signature.SequenceEqual(VhdxFileIdentifier.Signature))
        {
            throw ImageException.Corrupt(path, VhdxLimits.FileIdentifierOffset, "the file does not begin with 'vhdxfile'");
        }

        var headers = VhdxHeaderPair.Read(file);
        var log = (Offset: (long)headers.Current.LogOffsetBytes, Length: (long)headers.Current.LogLengthBytes, Name: "the log");
        if (log.Offset + log.Length > file.LengthBytes)
        {
            throw ImageException.Corrupt(path, log.Offset, $"the log of {log.Length} bytes ends behind the end of the file ({file.LengthBytes}): the file is truncated");
        }

        var replay = headers.Current.LogId == Guid.Empty ? null : VhdxLogReader.Read(file, headers.Current);
        var view = replay is null ? file : new VhdxReplayedFile(file, replay);
        var regions = ReadRegions(view);
        List<(long Offset, long Length, string Name)> taken = [log];
        foreach (var region in regions)
        {
            if (region.OffsetBytes + region.LengthBytes > view.LengthBytes)
            {
                throw ImageException.Corrupt(
                    path, region.OffsetBytes, $"region {region.Id} of {region.LengthBytes} bytes ends behind the end of the file ({view.LengthBytes}): the file is truncated");
            }

            if (region.OffsetBytes < log.Offset + log.Length && log.Offset < region.OffsetBytes + region.LengthBytes)
            {
                throw ImageException.Corrupt(path, region.OffsetBytes, $"region {region.Id} lies over the log at {log.Offset}+{log.Length}");
            }

            taken.Add((region.OffsetBytes, region.LengthBytes, $"region {region.Id}"));
        }

        var metadata = VhdxMetadata.Read(view, Find(regions, VhdxRegionTable.MetadataRegion, "metadata", path));
        var layout = new VhdxLayout(metadata.Geometry.SizeBytes, metadata.BlockSizeBytes, metadata.Geometry.LogicalSectorBytes);
        var tableRegion = Find(regions, VhdxRegionTable.BlockTableRegion, "block allocation table", path);
        var table = VhdxBlockTable.Read(view, tableRegion, layout.EntryCount);
        var check = new VhdxBlockTableCheck();
        check.Run(view, table, layout, tableRegion.OffsetBytes, taken);
        return new VhdxOpening(headers, replay, metadata, layout, table, check.EndBytes);
    }

    private static List<VhdxRegion> ReadRegions(IImageFile file)
    {
        var table = new byte[VhdxRegionTable.LengthBytes];
        foreach (var offset in (ReadOnlySpan<long>)[VhdxLimits.FirstRegionTableOffset, VhdxLimits.SecondRegionTableOffset])
        {
            Require(file.Read(offset, table), file.Path);
            if (VhdxRegionTable.IsValid(table))
            {
                return VhdxRegionTable.Read(table, file.Path, offset);
            }
        }

        throw ImageException.Corrupt(file.Path, VhdxLimits.FirstRegionTableOffset, "neither of the two region tables has a valid signature and checksum");
    }

    private static VhdxRegion Find(List<VhdxRegion> regions, Guid id, string name, string path)
    {
        var index = regions.FindIndex(region => region.Id == id);
        return index >= 0
            ? regions[index]
            : throw ImageException.Corrupt(path, VhdxLimits.FirstRegionTableOffset, $"the region table does not list the {name} region");
    }

    private static void Require(BlockStatus status, string path)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, "read", status);
        }
    }
}
