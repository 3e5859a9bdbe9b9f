using Vireo.Disks.Files;
using Vireo.Disks.Vhdx;
using Vireo.Platform.Memory;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Operations;

/// <summary>Makes an image of any format and kind with the content of another, which it only reads.</summary>
public static class ImageConversion
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Converts; the new image exists complete or not at all.</summary>
    /// <param name="sourcePath">An image of any format, chains too.</param>
    /// <param name="targetPath">The new file.</param>
    /// <param name="target">What it is to be; a size of 0 is the source's. A differencing image holds what differs from its parent.</param>
    /// <param name="search">Where parents are.</param>
    /// <param name="progress">Told now and then.</param>
    /// <param name="cancellationToken">Ends the conversion; nothing is left of it.</param>
    /// <exception cref="ImageException">The source cannot be read, the target not be made.</exception>
    public static async Task<CopyResult> ConvertAsync(
        string sourcePath, string targetPath, NewImage target, ParentSearch? search, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        Files.NewFile.Check(targetPath);
        var source = ImageFile.Open(sourcePath, new ImageOpenOptions(ReadOnly: true, Parents: search));
        await using (source.ConfigureAwait(false))
        {
            target = Complete(target, source, targetPath);
            var parent = await target.OpenParentAsync(targetPath, search).ConfigureAwait(false);
            try
            {
                using var file = ImageFiles.CreateUnpublished(targetPath);
                target.Writer(targetPath, parent)(file);
                var image = ImageFile.Open(new KeptFile(file), target.Format);
                CopyResult result;
                await using (image.ConfigureAwait(false))
                {
                    if (parent is not null)
                    {
                        image.Parent = parent;
                        parent = null;
                        result = await CopyDifferencesAsync(source, image, progress, cancellationToken).ConfigureAwait(false);
                    }
                    else
                    {
                        result = await new DiskCopy(source, image, progress).RunAsync(cancellationToken).ConfigureAwait(false);
                    }

                    if (source is VhdxImage { UserItems: var kept } && image is VhdxImage { UserItems: var made })
                    {
                        made.CopyFrom(kept);
                    }
                }

                var status = file.Flush();
                if (status != BlockStatus.Ok)
                {
                    throw ImageException.Failed(targetPath, "write", status);
                }

                CrashPoint.Hit("image.converted");
                cancellationToken.ThrowIfCancellationRequested();
                file.Publish(targetPath);
                return result;
            }
            finally
            {
                if (parent is not null)
                {
                    await parent.DisposeAsync().ConfigureAwait(false);
                }
            }
        }
    }

    private static NewImage Complete(NewImage target, IDiskImage source, string targetPath)
    {
        var geometry = source.Geometry;
        if (target.SizeBytes != 0 && target.SizeBytes < geometry.SizeBytes)
        {
            throw new ImageException(
                ImageErrorKind.InvalidParameter, targetPath, $"The image '{targetPath}' cannot have {target.SizeBytes} bytes, because '{source.Path}' has {geometry.SizeBytes}.");
        }

        var logicalBytes = target.LogicalSectorBytes == 0 ? geometry.LogicalSectorBytes : target.LogicalSectorBytes;
        if (logicalBytes != geometry.LogicalSectorBytes || (target.Format != DiskFormat.Vhdx && logicalBytes != 512))
        {
            throw new ImageException(
                ImageErrorKind.Unsupported,
                targetPath,
                $"'{source.Path}' has sectors of {geometry.LogicalSectorBytes} bytes, which '{targetPath}' cannot have; a guest would not find its partitions in others.");
        }

        return target with
        {
            SizeBytes = target.SizeBytes == 0 ? geometry.SizeBytes : target.SizeBytes,
            LogicalSectorBytes = target.Format == DiskFormat.Vhdx ? logicalBytes : 0,
            PhysicalSectorBytes = target.Format != DiskFormat.Vhdx ? 0 : target.PhysicalSectorBytes == 0 ? PhysicalOf(source) : target.PhysicalSectorBytes,
        };
    }

    // A VHD and a raw image do not say what they were made for; new disks have large physical sectors.
    private static int PhysicalOf(IDiskImage source) => source.Properties.Format == DiskFormat.Vhdx ? source.Geometry.PhysicalSectorBytes : 4096;

    private static async Task<CopyResult> CopyDifferencesAsync(IDiskImage source, IDiskImage child, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        using var wanted = new NativeBuffer(PieceBytes);
        using var there = new NativeBuffer(PieceBytes);
        var size = source.Geometry.SizeBytes;
        var copied = 0L;
        for (var offset = 0L; offset < size; offset += PieceBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var length = (int)Math.Min(PieceBytes, size - offset);
            Require(await source.ReadAsync(offset, Part(wanted, 0, length)).ConfigureAwait(false), source.Path, "read");
            Require(await child.ReadAsync(offset, Part(there, 0, length)).ConfigureAwait(false), child.Path, "read");
            const int unit = 4096;
            for (var start = 0; start < length;)
            {
                var stop = start;
                while (stop < length && Differs(wanted, there, stop, Math.Min(unit, length - stop)))
                {
                    stop = Math.Min(stop + unit, length);
                }

                if (stop == start)
                {
                    start = Math.Min(start + unit, length);
                    continue;
                }

                Require(await child.WriteAsync(offset + start, Part(wanted, start, stop - start), WriteOptions.None).ConfigureAwait(false), child.Path, "write");
                copied += stop - start;
                start = stop;
            }

            progress?.Report(new CopyProgress(offset + length, size));
        }

        return new CopyResult(copied == 0 ? CopyMethod.None : CopyMethod.ReadWrite, copied, 0);
    }

    private static bool Differs(NativeBuffer one, NativeBuffer other, int start, int length) =>
        !one.Span.Slice(start, length).SequenceEqual(other.Span.Slice(start, length));

    private static IoVector Part(NativeBuffer buffer, int start, int length) => new(new[] { buffer.Segment.Slice(start, length) }, length);

    private static void Require(BlockStatus status, string path, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, operation, status);
        }
    }
}
