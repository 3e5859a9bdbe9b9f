using Vireo.Platform.Files;

namespace Vireo.Commands.Support;

/// <summary>Files of disks, on this host or on a share.</summary>
public static class DiskFiles
{
    /// <summary>Whether a file is there. Of one on a share only the storage plane can tell: yes, and it refuses when it is to open one that is not there.</summary>
    public static bool MayExist(string path) => UncPath.IsUnc(path) || File.Exists(path);

    /// <summary>Whether a name is taken. Of one on a share only the storage plane can tell: no, and it refuses when it is to make it.</summary>
    public static bool IsTaken(string path) => !UncPath.IsUnc(path) && Path.Exists(path);

    /// <summary>Whether both mean the same file, as far as their text tells.</summary>
    public static bool AreSame(string one, string other) =>
        UncPath.IsUnc(one) || UncPath.IsUnc(other) ? UncPath.AreSame(one, other) : string.Equals(Path.GetFullPath(one), Path.GetFullPath(other), StringComparison.Ordinal);
}
