using Vireo.Disks.Files;
using Vireo.Platform.Memory;
using Vireo.Platform.Testing;

namespace Vireo.Disks.Operations;

/// <summary>
/// Copies an image file byte for byte, whatever its format: by the storage itself where it can (<see cref="IStorageCopy"/>), else through this
/// program. Holes stay holes. The copy of a differencing image names the parent that the source names.
/// </summary>
public static class FileCopy
{
    private const int PieceBytes = 1 << 20;
    private const long OffloadBytes = 64L << 20;

    /// <summary>Copies; the new file exists complete and durable, or not at all.</summary>
    /// <param name="sourcePath">A file that nobody writes to; others may read it.</param>
    /// <param name="targetPath">The new file.</param>
    /// <param name="progress">Told now and then, in bytes of the file.</param>
    /// <param name="cancellationToken">Ends the copy; nothing is left of it.</param>
    /// <exception cref="ImageException">The source is in use or cannot be read, the target exists, there is no space.</exception>
    public static CopyResult Run(string sourcePath, string targetPath, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        NewFile.Check(targetPath);
        using var source = ImageFiles.Open(sourcePath, readOnly: true);
        if (source.DeviceSectorBytes != 0)
        {
            throw new ImageException(ImageErrorKind.InvalidParameter, sourcePath, $"'{sourcePath}' is a block device; only files are copied.");
        }

        using var target = ImageFiles.CreateUnpublished(targetPath);
        Require(target.SetLength(source.LengthBytes), targetPath, "write");
        var result = CopyRuns(source, target, progress, cancellationToken);
        Require(target.Flush(), targetPath, "write");
        CrashPoint.Hit("image.copied");
        cancellationToken.ThrowIfCancellationRequested();
        target.Publish(targetPath);
        return result;
    }

    private static CopyResult CopyRuns(IImageFile source, IImageFile target, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        using var buffer = new NativeBuffer(PieceBytes);
        var (method, mayOffload, copied, offloaded) = (CopyMethod.None, true, 0L, 0L);
        for (var offset = 0L; offset < source.LengthBytes;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var length = source.MeasureRun(offset, source.LengthBytes - offset, out var isHole);
            if (!isHole)
            {
                length = Math.Min(length, OffloadBytes);
                if (mayOffload && target is IStorageCopy storage && storage.TryCopyFrom(source, offset, offset, length, ref method))
                {
                    offloaded += length;
                }
                else
                {
                    mayOffload = false;
                    length = Math.Min(length, PieceBytes);
                    Pipe(source, target, buffer.Span[..(int)length], offset);
                    method = method == CopyMethod.None ? CopyMethod.ReadWrite : method;
                }

                copied += length;
            }

            offset += length;
            progress?.Report(new CopyProgress(offset, source.LengthBytes));
        }

        return new CopyResult(method, copied, offloaded);
    }

    private static void Pipe(IImageFile source, IImageFile target, Span<byte> piece, long offset)
    {
        Require(source.Read(offset, piece), source.Path, "read");
        Require(target.Write(offset, piece), target.Path, "write");
    }

    private static void Require(BlockStatus status, string path, string operation)
    {
        if (status != BlockStatus.Ok)
        {
            throw ImageException.Failed(path, operation, status);
        }
    }
}
