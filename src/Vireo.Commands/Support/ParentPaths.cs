using Vireo.Control.Storage;

namespace Vireo.Commands.Support;

/// <summary>Folders that stand for beginnings of paths on other computers, as people write them: <c>D:\VMs=/srv/vms</c>.</summary>
public static class ParentPaths
{
    /// <summary>Reads one.</summary>
    public static ParentFolder Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);

        // A name of Windows may have an equals sign too; the folder begins with a slash.
        var equals = text.IndexOf("=/", StringComparison.Ordinal);
        return equals > 0 && text[..equals].Trim('\\', '/').Length > 0
            ? new ParentFolder(text[..equals], text[(equals + 1)..])
            : throw Errors.Invalid($"'{text}' does not say which folder stands for which beginning of paths; write 'D:\\VMs=/srv/vms'.", text);
    }

    /// <summary>Writes one.</summary>
    public static string Write(ParentFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return $"{folder.Prefix}={folder.Folder}";
    }
}
