using System.Runtime.InteropServices;
using Vireo.Platform.Testing;

namespace Vireo.Platform.Files;

/// <summary>
/// Replaces whole files so that a power cut leaves the old content or the new one: write beside, fsync, rename, fsync the folder.
/// </summary>
public static partial class AtomicFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const int TemporaryParts = 1 + 1 + 32 + 4;
    private const int OpenReadOnlyDirectory = 0x10000 | 0x80000; // O_DIRECTORY | O_CLOEXEC

    /// <summary>
    /// Writes <paramref name="content"/> to <paramref name="path"/>, creating the folder when it is missing. Only the file's owner may read it.
    /// </summary>
    /// <exception cref="IOException">The file system refused; the old content, if any, is untouched.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        using var replacement = new Replacement(path);
        using (var stream = replacement.Create(OwnerOnly))
        {
            stream.Write(content);
        }

        CrashPoint.Hit("file.written");
        replacement.Commit();
    }

    /// <summary>Makes <paramref name="path"/> a copy of <paramref name="source"/>, with its mode, sharing its storage where the file system can.</summary>
    /// <exception cref="IOException">The file system refused; the old content, if any, is untouched.</exception>
    public static void Copy(string source, string path)
    {
        using var replacement = new Replacement(path);
        File.Copy(source, replacement.Temporary);
        CrashPoint.Hit("file.copied");
        replacement.Commit();
    }

    /// <summary>Writes a file whose content comes bit by bit: it has its name when <paramref name="write"/> has returned and all is durable.</summary>
    /// <exception cref="IOException">The file system refused; the old content, if any, is untouched.</exception>
    public static async Task WriteAsync(string path, Func<Stream, Task> write)
    {
        using var replacement = new Replacement(path);
        var stream = replacement.Create(null);
        await using (stream.ConfigureAwait(false))
        {
            await write(stream).ConfigureAwait(false);
        }

        CrashPoint.Hit("file.written");
        replacement.Commit();
    }

    /// <summary>
    /// Deletes what writers of <paramref name="path"/> left beside it when they were killed. Nobody may write it meanwhile: whoever owns the
    /// file calls this when it starts.
    /// </summary>
    public static void Sweep(string path)
    {
        var full = Path.GetFullPath(path);
        SweepFolder(Path.GetDirectoryName(full)!, Path.GetFileName(full));
    }

    /// <summary>The same for every file of a folder that has one writer.</summary>
    public static void SweepFolder(string folder) => SweepFolder(folder, null);

    private static void SweepFolder(string folder, string? only)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        foreach (var file in Directory.EnumerateFiles(folder, "*.tmp"))
        {
            // A point, the file's name, a point, 32 digits, ".tmp".
            var name = Path.GetFileName(file);
            if (name.Length > TemporaryParts && name[0] == '.' && name[^37] == '.' && Guid.TryParseExact(name.AsSpan()[^36..^4], "N", out _)
                && (only is null || name.AsSpan()[1..^37].SequenceEqual(only)))
            {
                File.Delete(file);
            }
        }
    }

    /// <summary>Whether a file system refused because it is full, or its user's share is.</summary>
    public static bool IsOutOfSpace(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error is IOException && (error.HResult & 0xFFFF) is Errno.NoSpace or Errno.QuotaExceeded;
    }

    /// <summary>Deletes <paramref name="path"/> if it exists and makes the deletion durable.</summary>
    public static void Delete(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        File.Delete(path);
        SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Makes the names in <paramref name="folder"/> durable.</summary>
    public static void SyncFolder(string folder)
    {
        var descriptor = Open(folder, OpenReadOnlyDirectory);
        if (descriptor < 0)
        {
            throw new IOException($"The folder '{folder}' could not be opened to make its names durable: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        try
        {
            if (FSync(descriptor) != 0)
            {
                throw new IOException($"The folder '{folder}' could not be made durable: {Marshal.GetLastPInvokeErrorMessage()}.");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    /// <summary>A file beside the one it will replace; without <see cref="Commit"/> it goes away.</summary>
    private sealed class Replacement : IDisposable
    {
        private readonly string _path;
        private readonly string _folder;

        public Replacement(string path)
        {
            _path = path;
            _folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            Directory.CreateDirectory(_folder);
            Temporary = Path.Combine(_folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        }

        /// <summary>Where it is until then.</summary>
        public string Temporary { get; }

        /// <summary>Opens it for writing.</summary>
        /// <param name="mode">Who may use it; null leaves that to the process's mask.</param>
        public FileStream Create(UnixFileMode? mode) =>
            new(Temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 0, UnixCreateMode = mode });

        /// <summary>Makes it durable under its final name.</summary>
        public void Commit()
        {
            using (var stream = new FileStream(Temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0))
            {
                stream.Flush(flushToDisk: true);
            }

            File.Move(Temporary, _path, overwrite: true);
            CrashPoint.Hit("file.renamed");
            SyncFolder(_folder);
        }

        // After the rename there is nothing of that name.
        public void Dispose() => File.Delete(Temporary);
    }
}
