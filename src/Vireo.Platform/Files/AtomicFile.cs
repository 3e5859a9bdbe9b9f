using System.Runtime.InteropServices;
using Vireo.Platform.Testing;

namespace Vireo.Platform.Files;

/// <summary>
/// Replaces whole files so that a power cut leaves the old content or the new one: write beside, fsync, rename, fsync the folder.
/// </summary>
public static partial class AtomicFile
{
    private const int TemporaryParts = 1 + 1 + 32 + 4;
    private const int OpenReadOnlyDirectory = 0x10000 | 0x80000; // O_DIRECTORY | O_CLOEXEC

    /// <summary>Writes <paramref name="content"/> to <paramref name="path"/>, creating the folder when it is missing.</summary>
    /// <exception cref="IOException">The file system refused; the old content, if any, is untouched.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                stream.Write(content);
                stream.Flush(flushToDisk: true);
            }

            CrashPoint.Hit("file.written");
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        CrashPoint.Hit("file.renamed");
        SyncFolder(folder);
    }

    /// <summary>Makes <paramref name="path"/> a copy of <paramref name="source"/>, sharing its storage where the file system can.</summary>
    /// <exception cref="IOException">The file system refused; the old content, if any, is untouched.</exception>
    public static void Copy(string source, string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}.tmp");
        try
        {
            File.Copy(source, temporary);
            using (var stream = new FileStream(temporary, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0))
            {
                stream.Flush(flushToDisk: true);
            }

            CrashPoint.Hit("file.copied");
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        SyncFolder(folder);
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
}
