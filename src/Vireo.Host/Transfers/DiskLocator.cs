using Vireo.Control.Storage;

namespace Vireo.Host.Transfers;

/// <summary>
/// Finds the files that a configuration names where they are now: the whole folder may have been moved or copied, and the paths may be those of
/// another computer.
/// </summary>
/// <param name="folder">Where the machine's folder is.</param>
/// <param name="writtenFolder">Where the configuration says it is.</param>
/// <param name="preferred">A folder to look in first, or null.</param>
/// <param name="mappings">Folders that stand for paths of other computers.</param>
internal sealed class DiskLocator(string folder, string writtenFolder, string? preferred, IReadOnlyList<ParentFolder> mappings)
{
    private readonly FolderNames _names = new();

    /// <summary>The file; the path as it is written when there is none.</summary>
    public string Locate(string written)
    {
        foreach (var candidate in Candidates(written))
        {
            if (_names.Find(candidate) is { } found)
            {
                return found;
            }
        }

        return written.StartsWith('/') && IsPath(written) ? Path.GetFullPath(written) : written;
    }

    /// <summary>A folder of the machine's, where it is now: below the machine's folder, or that itself.</summary>
    public string Rebase(string written) => Inside(written) ?? folder;

    private IEnumerable<string> Candidates(string written)
    {
        var name = written.Split('/', '\\')[^1];
        if (name is "" or "." or ".." || !IsPath(written))
        {
            yield break;
        }

        if (preferred is not null)
        {
            yield return Path.Combine(preferred, name);
        }

        // Before the path itself: of a folder that was copied, the copy is meant.
        if (Inside(written) is { } moved)
        {
            yield return moved;
        }

        if (written.StartsWith('/'))
        {
            yield return Path.GetFullPath(written);
        }

        foreach (var mapping in mappings.OrderByDescending(mapping => mapping.Prefix.Length))
        {
            var prefix = mapping.Prefix.TrimEnd('\\', '/');
            if (written.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && written.Length > prefix.Length && written[prefix.Length] is '\\' or '/')
            {
                yield return Path.GetFullPath(Path.Combine(mapping.Folder, written[prefix.Length..].Replace('\\', '/').TrimStart('/')));
            }
        }

        foreach (var below in new[] { ExportLayout.DiskFolder, ConfigurationSearch.CheckpointFolder, "" })
        {
            yield return Path.Combine(folder, below, name);
        }
    }

    private static bool IsPath(string written) => !written.Contains('\0', StringComparison.Ordinal);

    // What the configuration has below its folder, where that is now; null when it is elsewhere, also by "..".
    private string? Inside(string written)
    {
        if (!written.StartsWith('/') || !IsPath(written) || Below(written, writtenFolder) is not { } rest)
        {
            return null;
        }

        var moved = Path.GetFullPath(Path.Combine(folder, rest));
        return Path.TrimEndingDirectorySeparator(moved) == folder || Below(moved, folder) is not null ? moved : null;
    }

    private static string? Below(string path, string root)
    {
        var prefix = root.TrimEnd('/') + "/";
        return prefix.Length > 1 && path.StartsWith(prefix, StringComparison.Ordinal) ? path[prefix.Length..] : null;
    }
}
