using System.Text.Json;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Switch.Extensions;

/// <summary>
/// Installed extensions: a folder for each, below it one per installed version, and a file that says which of them counts. A version is copied
/// beside first and counts with the last write, so a power cut leaves the old version or the new one. Extensions that come with the switch are found
/// beside its program; an installed one of the same id wins.
/// </summary>
internal sealed class ExtensionStore(string folder, string? shipped)
{
    private const int FilesMax = 1000;
    private const long BytesMax = 256 << 20;
    private const string CurrentFile = "current.json";

    /// <summary>Every extension, and why a folder that should be one is not.</summary>
    public (IReadOnlyList<ExtensionPackage> Packages, IReadOnlyList<string> Faults) Load()
    {
        Dictionary<Guid, ExtensionPackage> found = [];
        List<string> faults = [];
        foreach (var one in Folders(shipped))
        {
            TryAdd(one, isOwn: false);
        }

        foreach (var one in Folders(folder))
        {
            AtomicFile.SweepFolder(one);
            var current = Path.Combine(one, CurrentFile);
            if (!File.Exists(current))
            {
                // Being installed when the power went; nobody was told that it is there.
                Directory.Delete(one, recursive: true);
                continue;
            }

            try
            {
                var name = JsonSerializer.Deserialize(File.ReadAllBytes(current), ManifestJson.Default.CurrentPackage)!.Folder;
                foreach (var old in Directory.GetDirectories(one).Where(other => Path.GetFileName(other) != name))
                {
                    Directory.Delete(old, recursive: true);
                }

                TryAdd(Path.Combine(one, Path.GetFileName(name)), isOwn: true);
            }
            catch (Exception exception) when (exception is JsonException or IOException or NullReferenceException)
            {
                faults.Add($"The extension in '{one}' is damaged: {exception.Message} Install it again.");
            }
        }

        return ([.. found.Values], faults);

        void TryAdd(string place, bool isOwn)
        {
            try
            {
                var manifest = ExtensionManifest.Read(place);
                found[manifest.Id] = new ExtensionPackage(manifest, place, isOwn);
            }
            catch (InvalidDataException exception)
            {
                faults.Add(exception.Message);
            }
        }
    }

    /// <summary>Copies an extension here; it counts when <see cref="Commit"/> was called.</summary>
    /// <exception cref="InvalidDataException">The folder holds no extension, or more than an extension may have.</exception>
    public ExtensionPackage Copy(string source)
    {
        var manifest = ExtensionManifest.Read(source);
        var target = Path.Combine(folder, manifest.Id.ToString("D"), $"{manifest.Version}_{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(target);
            CopyFiles(source, target);
            return new ExtensionPackage(ExtensionManifest.Read(target), target, isOwn: true);
        }
        catch (Exception exception)
        {
            DeleteFolder(target);
            if (exception is IOException or UnauthorizedAccessException)
            {
                throw new InvalidDataException($"The extension in '{source}' cannot be copied: {exception.Message}", exception);
            }

            throw;
        }
    }

    /// <summary>From now on <paramref name="package"/> counts.</summary>
    public void Commit(ExtensionPackage package)
    {
        CrashPoint.Hit("switch.extension.copied");
        AtomicFile.Write(
            Path.Combine(Path.GetDirectoryName(package.Folder)!, CurrentFile),
            JsonSerializer.SerializeToUtf8Bytes(new CurrentPackage(Path.GetFileName(package.Folder)), ManifestJson.Default.CurrentPackage));
    }

    /// <summary>Removes the files of a version that does not count.</summary>
    public static void Discard(ExtensionPackage package)
    {
        if (package.IsOwn)
        {
            DeleteFolder(package.Folder);
        }
    }

    /// <summary>Removes an extension.</summary>
    public void Remove(Guid id)
    {
        var place = Path.Combine(folder, id.ToString("D"));
        if (Directory.Exists(place))
        {
            AtomicFile.Delete(Path.Combine(place, CurrentFile));
            CrashPoint.Hit("switch.extension.removed");
            DeleteFolder(place);
        }
    }

    private static string[] Folders(string? parent) =>
        parent is not null && Directory.Exists(parent) ? Directory.GetDirectories(parent) : [];

    private static void DeleteFolder(string place)
    {
        if (Directory.Exists(place))
        {
            Directory.Delete(place, recursive: true);
        }
    }

    // No links: an extension is what is in its folder.
    private static void CopyFiles(string source, string target)
    {
        var files = 0;
        long bytes = 0;
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Device };
        foreach (var file in Directory.EnumerateFiles(source, "*", options))
        {
            bytes += new FileInfo(file).Length;
            if (++files > FilesMax || bytes > BytesMax)
            {
                throw new InvalidDataException($"The folder '{source}' has more than {FilesMax} files or {BytesMax >> 20} MiB; an extension must be smaller.");
            }

            var to = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            using var input = File.OpenRead(file);
            using var output = new FileStream(to, FileMode.CreateNew, FileAccess.Write);
            input.CopyTo(output);
            output.Flush(flushToDisk: true);
        }

        AtomicFile.SyncFolder(target);
        AtomicFile.SyncFolder(Path.GetDirectoryName(target)!);
    }
}
