using Vireo.Control.Storage;
using Vireo.Disks;

namespace Vireo.Storage.Plane;

/// <summary>Where the parents of differencing images are looked for.</summary>
internal sealed partial class DiskRegistry
{
    private const int MostFolders = 1000;

    /// <summary>How parents are found, for whoever opens an image.</summary>
    public ParentSearch Parents => _parents;

    /// <summary>What was asked for.</summary>
    public ParentFolders ParentFolders => new([.. _parents.Mappings.Select(static mapping => new ParentFolder(mapping.Prefix, mapping.Folder))]);

    /// <summary>Looks in other folders from now on; disks that are open keep the parents they have.</summary>
    /// <exception cref="Control.ControlException">A prefix is empty, a folder is no absolute path, or the state file cannot be written.</exception>
    public Task SetParentFoldersAsync(ParentFolders request) => InTurnAsync(() =>
    {
        if (request.Folders.Count > MostFolders)
        {
            throw PlaneErrors.Invalid($"{request.Folders.Count} folders of parents are too many; {MostFolders} are possible.", null);
        }

        foreach (var folder in request.Folders)
        {
            if (folder.Prefix.Trim('\\', '/').Length == 0 || !Path.IsPathFullyQualified(folder.Folder))
            {
                throw PlaneErrors.Invalid($"'{folder.Folder}' cannot stand for '{folder.Prefix}': a beginning of paths, and an absolute path of a folder, are needed.", folder.Prefix);
            }
        }

        var before = _parents;
        _parents = ToSearch(request.Folders);
        try
        {
            Publish(_disks, _failed);
        }
        catch
        {
            _parents = before;
            throw;
        }

        return Task.FromResult(true);
    });

    private static ParentSearch ToSearch(IEnumerable<ParentFolder> folders) => new([.. folders.Select(static folder => new PathMapping(folder.Prefix, folder.Folder))]);
}
