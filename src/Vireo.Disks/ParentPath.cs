using Vireo.Platform.Files;

namespace Vireo.Disks;

/// <summary>Forms of the paths by which a differencing image names its parent.</summary>
public static class ParentPath
{
    /// <summary>Whether the path names one place wherever the child lies: <c>/a/b</c>, <c>C:\a\b</c>, <c>\\server\share\b</c>, <c>\\?\Volume{...}\b</c>.</summary>
    public static bool IsAbsolute(string path) =>
        path.StartsWith('/') || path.StartsWith('\\') || (path.Length > 2 && char.IsAsciiLetter(path[0]) && path[1] == ':' && path[2] is '\\' or '/');

    /// <summary>A relative path in the form that other programs expect: backslashes, beginning with <c>.\</c> or <c>..\</c>.</summary>
    public static string ToWindows(string relativePath)
    {
        var path = relativePath.Replace('/', '\\');
        return path.StartsWith('.') ? path : ".\\" + path;
    }

    /// <summary>The path with this system's separators.</summary>
    public static string ToLocal(string path) => path.Replace('\\', '/');

    /// <summary>What a child writes about a parent: the path relative to the child, then the absolute one.</summary>
    public static IReadOnlyList<string> Of(string childPath, string parentPath)
    {
        if (UncPath.TryParse(parentPath, out var remote, out _))
        {
            // A share has no way from this system's files, nor from another share.
            return UncPath.TryParse(childPath, out var child, out _) && child.RelativeTo(remote) is { } relative ? [relative, parentPath] : [parentPath];
        }

        var parent = Path.GetFullPath(parentPath);
        if (UncPath.IsUnc(childPath))
        {
            return [parent];
        }

        return [ToWindows(Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(childPath))!, parent)), parent];
    }
}
