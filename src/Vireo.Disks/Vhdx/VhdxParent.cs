using Vireo.Platform.Files;

namespace Vireo.Disks.Vhdx;

/// <summary>What a new differencing image takes over from its parent.</summary>
/// <param name="Reference">How it finds and recognises the parent.</param>
/// <param name="DiskId">The identity that the guest sees: a child is the same disk.</param>
/// <param name="Items">User metadata about the virtual disk. [MS-VHDX] 2.6.1.2: forking copies all items that are marked so.</param>
public sealed record VhdxParent(ParentReference Reference, Guid DiskId, IReadOnlyList<(Guid Id, byte[] Content)> Items)
{
    /// <summary>What a child at <paramref name="childPath"/> takes over from <paramref name="parent"/>.</summary>
    /// <exception cref="ImageException">The parent's metadata cannot be read.</exception>
    public static VhdxParent Of(IDiskImage parent, string childPath)
    {
        var items = parent is VhdxImage image ? image.UserItems.List().Where(static item => item.IsVirtualDisk).Select(item => (item.Id, image.UserItems.Read(item.Id)!)).ToList() : [];
        return new VhdxParent(ReferenceTo(parent, childPath), parent.Properties.DiskId is var id && id == Guid.Empty ? Guid.NewGuid() : id, items);
    }

    /// <summary>
    /// How an image at <paramref name="childPath"/> names <paramref name="parent"/>: relative to itself and absolutely, both with the separators
    /// that the standard asks for and other programs look for: <c>.\parent.vhdx</c>, <c>\srv\disks\parent.vhdx</c>.
    /// </summary>
    public static ParentReference ReferenceTo(IDiskImage parent, string childPath)
    {
        if (UncPath.IsUnc(parent.Path) || UncPath.IsUnc(childPath))
        {
            return new ParentReference(ParentPath.Of(childPath, parent.Path), parent.Identity);
        }

        var absolute = Path.GetFullPath(parent.Path);
        var relative = Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(childPath))!, absolute).Replace('/', '\\');
        return new ParentReference(
            [relative.StartsWith("..", StringComparison.Ordinal) ? relative : $@".\{relative}", absolute.Replace('/', '\\')], parent.Identity);
    }
}
