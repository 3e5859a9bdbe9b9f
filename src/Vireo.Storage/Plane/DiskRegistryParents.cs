using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Operations;
using Vireo.Platform.Testing;

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

        return Task.CompletedTask;
    });

    /// <summary>
    /// Gives an image of an open disk's chain another parent with the same content, for example one that was copied to other storage. Requests
    /// wait for an instant; the old parent is closed.
    /// </summary>
    /// <exception cref="ControlException">The disk or image is not open, the disk is being changed, or the image cannot have that parent.</exception>
    public Task SetParentAsync(string leafPath, string path, string parentPath, bool ignoreIdMismatch) => InTurnAsync(async () =>
    {
        var disk = FindByPath(leafPath) ?? throw PlaneErrors.NotFound($"The disk '{leafPath}' is not open.", leafPath);
        RefuseBusy(disk);
        var chain = ImageChain.Of(disk.Image);
        var index = chain.ToList().FindIndex(image => IsSame(image.Path, path));
        if (index < 0 || chain[index].ParentReference is not { } reference || (index == 0 && disk.Attachment.ReadOnly))
        {
            throw PlaneErrors.Invalid(
                index < 0 ? $"The image '{path}' is not part of the disk '{leafPath}', which consists of {string.Join(", ", chain.Select(image => $"'{image.Path}'"))}."
                : chain[index].ParentReference is null ? $"The image '{path}' is not a differencing one and has no parent."
                : $"The disk '{leafPath}' is open for reading only; its parent cannot be set.",
                path);
        }

        try
        {
            var parent = ImageFile.Open(parentPath, new ImageOpenOptions(ReadOnly: true, Parents: _parents));
            try
            {
                if (ImageChain.Of(parent).FirstOrDefault(ancestor => chain.Take(index + 1).Any(image => IsSame(image.Path, ancestor.Path))) is { } loop)
                {
                    throw PlaneErrors.Invalid($"'{parentPath}' cannot be the parent of '{path}': it stands on '{loop.Path}', so the chain would never end.", path);
                }

                ImageChanges.CheckParent(chain[index], parent, reference, ignoreIdMismatch);
                await disk.Stack.RunQuietAsync(() => index == 0 ? ExchangeParentAsync(chain[0], parent) : ExchangeParentBelowAsync(chain[index - 1], parent)).ConfigureAwait(false);
            }
            catch
            {
                await CloseOldAsync(parent, parent.Path).ConfigureAwait(false);
                throw;
            }

            // The chain below is the new parent's now, and nobody's otherwise.
            await CloseOldAsync(chain[index + 1], chain[index + 1].Path).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }
    });

    // The disk's own image, which is open for writing.
    private static ValueTask ExchangeParentAsync(IDiskImage child, IDiskImage parent)
    {
        child.Maintenance!.SetParentReference(ReferenceTo(parent, child));
        CrashPoint.Hit("storage.parent.set");
        child.Parent = parent;
        return ValueTask.CompletedTask;
    }

    // An image in the middle is locked against writers, us too: it is opened anew to be written, while another opening of it serves nobody's lock.
    private async ValueTask ExchangeParentBelowAsync(IDiskImage holder, IDiskImage parent)
    {
        var child = holder.Parent!;
        var below = child.Parent;
        var bridge = ImageFile.Open(child.Path, new ImageOpenOptions(ReadOnly: true, TakeLock: false, Alone: true));
        (bridge.Parent, holder.Parent, child.Parent) = (below, bridge, null);
        await CloseOldAsync(child, child.Path).ConfigureAwait(false);
        try
        {
            var writable = ImageFile.Open(child.Path, new ImageOpenOptions(Alone: true));
            await using (writable.ConfigureAwait(false))
            {
                writable.Maintenance!.SetParentReference(ReferenceTo(parent, writable));
                CrashPoint.Hit("storage.parent.set");
            }

            below = parent;
        }
        finally
        {
            var locked = ImageFile.Open(child.Path, new ImageOpenOptions(ReadOnly: true, Alone: true));
            (locked.Parent, holder.Parent, bridge.Parent) = (below, locked, null);
            await CloseOldAsync(bridge, child.Path).ConfigureAwait(false);
        }
    }

    private static ParentSearch ToSearch(IEnumerable<ParentFolder> folders) => new([.. folders.Select(static folder => new PathMapping(folder.Prefix, folder.Folder))]);
}
