using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Platform.Testing;

namespace Vireo.Host.Transfers;

/// <summary>How a file is copied.</summary>
internal enum CopyManner
{
    /// <summary>By the storage plane, byte for byte.</summary>
    Image,

    /// <summary>By the storage plane, into one image without parents.</summary>
    WholeDisk,

    /// <summary>By the storage plane, byte for byte, for its owner only: saved memory, variables of the firmware, keys.</summary>
    State,
}

/// <summary>A file that is to be copied.</summary>
/// <param name="Source">The file.</param>
/// <param name="Target">The new file.</param>
/// <param name="Manner">How.</param>
/// <param name="TargetParent">The copy of an image's parent; null is none.</param>
/// <param name="Bytes">About how much that is.</param>
internal sealed record FileToCopy(string Source, string Target, CopyManner Manner, string? TargetParent, long Bytes);

/// <summary>Copies files one after another, parents before children, and says how far it is.</summary>
/// <param name="storage">The storage plane.</param>
/// <param name="files">The files.</param>
/// <param name="crashPoint">Where the power may be cut after each file.</param>
internal sealed class FilesToCopy(IStorageControl storage, IReadOnlyList<FileToCopy> files, string crashPoint)
{
    /// <summary>Copies them.</summary>
    /// <param name="beforeEach">Called before a file is made; answers the name under which it is.</param>
    /// <param name="afterEach">Called with a file and that name when it is whole.</param>
    /// <param name="progress">Told what is copied and how far it is.</param>
    /// <param name="cancellation">Gives up between two pieces of a file.</param>
    public async Task RunAsync(Func<FileToCopy, string> beforeEach, Action<FileToCopy, string> afterEach, Action<string, int> progress, CancellationToken cancellation)
    {
        var total = Math.Max(1, files.Sum(file => file.Bytes));
        var done = 0L;
        foreach (var file in files)
        {
            cancellation.ThrowIfCancellationRequested();
            var made = beforeEach(file);
            var start = done;
            var reporter = new Reporter(value => progress($"Copying '{Path.GetFileName(file.Source)}'", Percent(start + (long)(file.Bytes * Part(value)), total)));
            reporter.Report(new ImageProgress(0, 1));
            try
            {
                await CopyAsync(file, made, reporter, cancellation);
            }
            catch
            {
                // The plane may be past its last look at the cancellation: the file must not appear after whoever called has looked for it.
                await EndAsync(made);
                throw;
            }

            afterEach(file, made);
            done += file.Bytes;
            CrashPoint.Hit(crashPoint);
        }
    }

    private async Task EndAsync(string made)
    {
        try
        {
            await storage.EndImageWorkAsync(made, CancellationToken.None);
        }
        catch (ControlException)
        {
            // A plane that is away makes no files; the reason why the copy failed is the one to tell.
        }
    }

    private async Task CopyAsync(FileToCopy file, string made, IProgress<ImageProgress> progress, CancellationToken cancellation)
    {
        switch (file.Manner)
        {
            case CopyManner.State:
                await storage.WorkOnImageAsync(new ImageWork(ImageOperation.Copy, file.Source, OtherPath: made), progress, cancellation);

                // Memory and keys of a guest, also where the file comes from a place where all may read.
                File.SetUnixFileMode(made, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                break;
            case CopyManner.WholeDisk:
                var image = await storage.InspectImageAsync(file.Source, cancellation);
                var type = image.Type == ImageType.Differencing ? ImageType.Dynamic : image.Type;
                await storage.WorkOnImageAsync(new ImageWork(ImageOperation.Convert, file.Source, new CreateImage(made, image.Format, type, 0)), progress, cancellation);
                break;
            default:
                await storage.WorkOnImageAsync(new ImageWork(ImageOperation.Copy, file.Source, OtherPath: made), progress, cancellation);
                if (file.TargetParent is { } parent)
                {
                    // The copy of the parent is the parent, byte for byte; that the source's is the right one was found when the chain was read.
                    await storage.WorkOnImageAsync(new ImageWork(ImageOperation.SetParent, made, OtherPath: parent, IgnoreIdMismatch: true), null, cancellation);
                }

                break;
        }
    }

    private static double Part(ImageProgress value) => value.TotalBytes == 0 ? 0 : (double)value.DoneBytes / value.TotalBytes;

    private static int Percent(long done, long total) => (int)Math.Clamp(100.0 * done / total, 0, 100);

    // Not Progress<T>: what it reports must not come after the end.
    private sealed class Reporter(Action<ImageProgress> report) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value) => report(value);
    }
}
