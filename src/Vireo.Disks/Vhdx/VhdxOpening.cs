using Vireo.Disks.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>Everything that is read and checked when a VHDX file is opened; nothing is written.</summary>
/// <param name="Headers">Both headers.</param>
/// <param name="Replay">Changes that the log still has to make, or null; the other parts are read as if it had.</param>
/// <param name="Regions">Where the parts of the file are.</param>
/// <param name="Metadata">Known metadata items.</param>
/// <param name="Layout">Of the virtual disk.</param>
/// <param name="Taken">The regions and the log.</param>
/// <param name="Space">What the block table uses.</param>
internal sealed record VhdxOpening(
    VhdxHeaderPair Headers, VhdxReplay? Replay, VhdxRegions Regions, VhdxMetadata Metadata, VhdxLayout Layout, IReadOnlyList<VhdxTakenRange> Taken, VhdxSpace Space)
{
    /// <summary>Reads and checks <paramref name="file"/>.</summary>
    /// <exception cref="ImageException">Damaged, truncated, or of another version.</exception>
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
        var log = new VhdxTakenRange((long)headers.Current.LogOffsetBytes, headers.Current.LogLengthBytes, "the log");
        if (log.EndBytes > file.LengthBytes)
        {
            throw ImageException.Corrupt(path, log.OffsetBytes, $"the log of {log.LengthBytes} bytes ends behind the end of the file ({file.LengthBytes}): the file is truncated");
        }

        var replay = headers.Current.LogId == Guid.Empty ? null : VhdxLogReader.Read(file, headers.Current);
        var view = replay is null ? file : new VhdxReplayedFile(file, replay);
        var regions = VhdxRegions.Read(view);
        List<VhdxTakenRange> taken = [log];
        foreach (var region in regions.All)
        {
            if (region.OffsetBytes + region.LengthBytes > view.LengthBytes)
            {
                throw ImageException.Corrupt(
                    path, region.OffsetBytes, $"region {region.Id} of {region.LengthBytes} bytes ends behind the end of the file ({view.LengthBytes}): the file is truncated");
            }

            if (region.OffsetBytes < log.EndBytes && log.OffsetBytes < region.OffsetBytes + region.LengthBytes)
            {
                throw ImageException.Corrupt(path, region.OffsetBytes, $"region {region.Id} lies over the log at {log.OffsetBytes}+{log.LengthBytes}");
            }

            taken.Add(new VhdxTakenRange(region.OffsetBytes, region.LengthBytes, $"region {region.Id}"));
        }

        var metadata = VhdxMetadata.Read(view, regions.Metadata);
        var layout = new VhdxLayout(metadata.Geometry.SizeBytes, metadata.BlockSizeBytes, metadata.Geometry.LogicalSectorBytes, metadata.Parent is not null);
        var table = regions.BlockTable;
        if (layout.TableBytes > table.LengthBytes)
        {
            throw ImageException.Corrupt(
                path, table.OffsetBytes, $"the block allocation table needs {layout.TableBytes} bytes, but its region has {table.LengthBytes}");
        }

        var space = VhdxSpace.Scan(view, layout, table.OffsetBytes, new VhdxEntryCheck(layout, view, taken), taken);
        return new VhdxOpening(headers, replay, regions, metadata, layout, taken, space);
    }

    private static void Require(BlockStatus status, string path)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, "read", status);
        }
    }
}
