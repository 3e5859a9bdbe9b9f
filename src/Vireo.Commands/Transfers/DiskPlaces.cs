using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>Where files go, as commands say it.</summary>
internal static class DiskPlaces
{
    private const string Parameter = "Vhds";
    private const string Source = "SourceFilePath";
    private const string Destination = "DestinationFilePath";

    /// <summary>Disks by where they are: where they go.</summary>
    /// <param name="tables">Tables of the parameter -Vhds.</param>
    /// <param name="isElsewhere">They go to another host: what is a folder there is not known here.</param>
    public static Dictionary<string, string> Of(TextMap[]? tables, bool isElsewhere = false)
    {
        var disks = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var table in tables ?? [])
        {
            if (table[Source] is not { } source || table[Destination] is not { } destination || table.Names.Count() != 2)
            {
                throw Errors.Invalid($"A table of -Vhds has {string.Join(", ", table.Names.DefaultIfEmpty("no entries"))}; it must have '{Source}' and '{Destination}'.", Parameter);
            }

            if (!disks.TryAdd(Path.GetFullPath(source), Path.GetFullPath(!isElsewhere && Directory.Exists(destination) ? Path.Combine(destination, Path.GetFileName(source)) : destination)))
            {
                throw Errors.Invalid($"-Vhds says twice where '{source}' goes; say it once.", Parameter);
            }
        }

        return disks;
    }

    /// <summary>A folder without a slash at the end, as configurations write it.</summary>
    public static string? Folder(string? path) => path is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
}
