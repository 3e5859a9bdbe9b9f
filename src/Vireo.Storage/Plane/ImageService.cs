using Microsoft.AspNetCore.Http;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Operations;

namespace Vireo.Storage.Plane;

/// <summary>Makes and inspects images that need not be open.</summary>
internal sealed class ImageService(DiskRegistry disks)
{
    private readonly WorkRegister _works = new();

    /// <summary>Makes an image, complete or not at all.</summary>
    /// <exception cref="ControlException">A parameter is wrong, the file exists, there is no space, the parent cannot be used.</exception>
    public void Create(CreateImage request)
    {
        try
        {
            // All of it is calls that wait for the file system, and the request has a thread of its own for that.
            ToNewImage(request).CreateAsync(request.Path, disks.Parents).GetAwaiter().GetResult();
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }
    }

    /// <summary>What an image says of itself; one that the plane has open answers for itself.</summary>
    /// <exception cref="ControlException">Not there, damaged, or of a kind that is not supported.</exception>
    public async Task<ImageInfo> InspectAsync(string path)
    {
        try
        {
            if (disks.FindByPath(path) is { } open)
            {
                var reference = open.Image.ParentReference;
                return Describe(path, new ImageInspection(open.Image.Properties, reference, open.Image.Parent?.Path ?? reference?.Paths.FirstOrDefault(), null, IsInUse: true));
            }

            return Describe(path, await ImageFile.InspectAsync(path, disks.Parents).ConfigureAwait(false));
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }
    }

    /// <summary>Does the work and writes its records; ends when the client goes away.</summary>
    /// <exception cref="ControlException">The image is open, or the request makes no sense; nothing was written to the client yet.</exception>
    public async Task WorkAsync(ImageWork work, HttpContext context)
    {
        foreach (var path in new[] { work.Path, work.OtherPath })
        {
            if (path is not null && work.Operation != ImageOperation.Convert && !IsOfOpenDisk(work) && disks.FindByPath(path) is not null)
            {
                throw new ControlException(new ControlError(
                    "ObjectInUse", "ResourceBusy", $"The image '{path}' is open in this host's storage plane; detach it or turn off its virtual machine first.", path));
            }
        }

        using var entry = _works.Enter(work.Path, work.OtherPath);

        // A client that goes away shows in the connection only when somebody looks: a write that fails is the other sign.
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, entry.Ended);
        context.Response.ContentType = "application/x-ndjson";
        using var reporter = new WorkReporter(context.Response.Body, gone);
        ImageWorkRecord last;
        try
        {
            // Away from the thread that serves requests: the work waits for storage all the time.
            var result = await Task.Run(() => RunAsync(work, reporter, gone.Token), gone.Token).ConfigureAwait(false);
            last = new ImageWorkRecord(Result: result);
        }
        catch (OperationCanceledException) when (entry.Ended.IsCancellationRequested)
        {
            last = new ImageWorkRecord(Error: new ControlError("OperationStopped", "OperationStopped", $"The work on '{work.Path}' was ended by somebody else.", work.Path));
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            return;
        }
        catch (ImageException exception)
        {
            last = new ImageWorkRecord(Error: PlaneErrors.From(exception).Error);
        }
        catch (ControlException exception)
        {
            last = new ImageWorkRecord(Error: exception.Error);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            last = new ImageWorkRecord(Error: PlaneErrors.Failed($"The work on '{work.Path}' failed: {exception.Message}", work.Path, exception).Error);
        }

        await reporter.EndAsync(last, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>Ends the work that has to do with an image, and returns when it has ended.</summary>
    public Task EndWorkAsync(string path) => _works.EndAsync(path);

    private async Task<ImageWorkResult> RunAsync(ImageWork work, IProgress<CopyProgress> progress, CancellationToken cancellationToken)
    {
        switch (work.Operation)
        {
            case ImageOperation.Convert:
                var target = work.Target ?? throw PlaneErrors.Invalid($"The request to convert '{work.Path}' does not say into what.", work.Path);
                var copied = await ImageConversion.ConvertAsync(work.Path, target.Path, ToNewImage(target), disks.Parents, progress, cancellationToken).ConfigureAwait(false);
                return new ImageWorkResult(target.Path, copied.Method.ToString(), copied.CopiedBytes);
            case ImageOperation.Merge:
                var merged = await ImageMerge.MergeAsync(work.Path, work.OtherPath, disks.Parents, progress, cancellationToken).ConfigureAwait(false);
                return new ImageWorkResult(merged.Path, merged.Copy.Method.ToString(), merged.Copy.CopiedBytes);
            case ImageOperation.Resize:
                await ImageChanges.ResizeAsync(work.Path, work.SizeBytes == 0 ? long.MinValue : work.SizeBytes, disks.Parents, progress, cancellationToken).ConfigureAwait(false);
                break;
            case ImageOperation.Compact:
                var moved = await ImageChanges.CompactAsync(work.Path, ToMode(work.Mode), disks.Parents, progress, cancellationToken).ConfigureAwait(false);
                return new ImageWorkResult(work.Path, moved.Method.ToString(), moved.CopiedBytes);
            case ImageOperation.SetParent:
                var parent = work.OtherPath ?? throw PlaneErrors.Invalid($"The request to set the parent of '{work.Path}' does not name one.", work.Path);
                await (IsOfOpenDisk(work)
                    ? disks.SetParentAsync(work.LeafPath!, work.Path, parent, work.IgnoreIdMismatch)
                    : ImageChanges.SetParentAsync(work.Path, parent, work.IgnoreIdMismatch, disks.Parents)).ConfigureAwait(false);
                break;
            case ImageOperation.SetPhysicalSectorSize:
                await ImageChanges.SetPhysicalSectorBytesAsync(work.Path, (int)Math.Clamp(work.SizeBytes, 0, int.MaxValue)).ConfigureAwait(false);
                break;
            case ImageOperation.ResetDiskId:
                await ImageChanges.SetDiskIdAsync(work.Path, Guid.NewGuid()).ConfigureAwait(false);
                break;
            case ImageOperation.Test:
                await ImageTest.RunAsync(work.Path, disks.Parents, progress, cancellationToken).ConfigureAwait(false);
                break;
            case ImageOperation.Copy:
                var copy = work.OtherPath ?? throw PlaneErrors.Invalid($"The request to copy '{work.Path}' does not say where to.", work.Path);
                var done = FileCopy.Run(work.Path, copy, progress, cancellationToken);
                return new ImageWorkResult(copy, done.Method.ToString(), done.CopiedBytes);
            default:
                throw PlaneErrors.Invalid($"'{work.Operation}' is nothing that can be done to an image.", work.Path);
        }

        return new ImageWorkResult(work.Path);
    }

    private bool IsOfOpenDisk(ImageWork work) => work is { Operation: ImageOperation.SetParent, LeafPath: { } leaf } && disks.FindByPath(leaf) is not null;

    private static CompactMode ToMode(ImageCompactMode mode) => mode switch
    {
        ImageCompactMode.Quick => CompactMode.Quick,
        ImageCompactMode.Retrim => CompactMode.Retrim,
        ImageCompactMode.Pretrimmed => CompactMode.Pretrimmed,
        ImageCompactMode.Prezeroed => CompactMode.Prezeroed,
        _ => CompactMode.Full,
    };

    private static NewImage ToNewImage(CreateImage request) => new(
        request.Format switch
        {
            ImageFormat.Vhdx => DiskFormat.Vhdx,
            ImageFormat.Vhd => DiskFormat.Vhd,
            _ => DiskFormat.Raw,
        },
        request.Type switch
        {
            ImageType.Dynamic => DiskKind.Dynamic,
            ImageType.Differencing => DiskKind.Differencing,
            _ => DiskKind.Fixed,
        },
        request.SizeBytes,
        request.BlockSizeBytes,
        request.LogicalSectorBytes,
        request.PhysicalSectorBytes,
        request.ParentPath)
    {
        DiskId = request.DiskId,
    };

    private static ImageInfo Describe(string path, ImageInspection inspection) => Describe(path, inspection.Properties, inspection);

    private static ImageInfo Describe(string path, ImageProperties image, ImageInspection inspection) => new(
        path,
        image.Format switch
        {
            DiskFormat.Vhdx => ImageFormat.Vhdx,
            DiskFormat.Vhd => ImageFormat.Vhd,
            _ => ImageFormat.Raw,
        },
        image.Kind switch
        {
            DiskKind.Dynamic => ImageType.Dynamic,
            DiskKind.Differencing => ImageType.Differencing,
            _ => ImageType.Fixed,
        },
        image.Geometry.SizeBytes,
        image.FileSizeBytes,
        image.BlockSizeBytes,
        image.Geometry.LogicalSectorBytes,
        image.Geometry.PhysicalSectorBytes,
        image.DiskId,
        inspection.ParentPath,
        inspection.Parent?.Identity,
        image.FragmentationPercent,
        inspection.MinimumSizeBytes,
        image.AlignmentBytes,
        inspection.IsInUse);
}
