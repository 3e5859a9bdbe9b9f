namespace Vireo.Disks.Operations;

/// <summary>Finds out whether an image can be used: every structure of it and of its parents, table entries and bitmaps included.</summary>
public static class ImageTest
{
    /// <summary>Tests an image that nobody writes to; it is only read.</summary>
    /// <exception cref="ImageException">What is wrong with which file, and where.</exception>
    public static async Task RunAsync(string path, ParentSearch? search, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        // The structures one by one: some faults do not keep an image from being opened.
        var finding = ImageCheck.Run(path, search, cancellationToken).SelectMany(static report => report.Findings)
            .FirstOrDefault(static finding => finding.Severity == FindingSeverity.Error);

        // Opening checks the structures and their places; mapping reads every table entry and bitmap of the chain.
        var image = ImageFile.Open(path, new ImageOpenOptions(ReadOnly: true, Parents: search));
        await using (image.ConfigureAwait(false))
        {
            List<BlockExtent> extents = [];
            for (var offset = 0L; offset < image.Geometry.SizeBytes; offset = extents[^1].OffsetBytes + extents[^1].LengthBytes)
            {
                extents.Clear();
                Require(await image.MapExtentsAsync(offset, image.Geometry.SizeBytes - offset, extents).ConfigureAwait(false), image.Path, offset);
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new CopyProgress(extents[^1].OffsetBytes + extents[^1].LengthBytes, image.Geometry.SizeBytes));
            }
        }

        if (finding is not null)
        {
            throw new ImageException(ImageErrorKind.Corrupt, path, $"The image '{path}' is damaged: {finding.Message}.");
        }
    }

    private static void Require(BlockStatus status, string path, long offset)
    {
        if (status == BlockStatus.Corrupt)
        {
            throw new ImageException(ImageErrorKind.Corrupt, path, $"The image '{path}' or one of its parents is corrupt: what the disk holds at offset {offset} cannot be found.");
        }

        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, "read", status);
        }
    }
}
