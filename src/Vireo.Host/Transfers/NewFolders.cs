using Vireo.Platform.Files;

namespace Vireo.Host.Transfers;

/// <summary>Folders that outlive a power cut: a new one has its name in its parent only when that is durable too.</summary>
internal static class NewFolders
{
    /// <summary>Makes a folder and those above it that are not there.</summary>
    public static void Make(string folder)
    {
        var missing = new Stack<string>();
        for (var at = Path.GetFullPath(folder); at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at))
        {
            missing.Push(at);
        }

        foreach (var one in missing)
        {
            Directory.CreateDirectory(one);
            AtomicFile.SyncFolder(Path.GetDirectoryName(one)!);
        }
    }
}
