namespace Vireo.Disks;

/// <summary>A beginning of paths as images write them, and the folder of this system that stands for it.</summary>
/// <param name="Prefix">For example <c>D:\VMs</c>, <c>\\server\share</c> or <c>\\?\Volume{...}</c>; compared without regard to case.</param>
/// <param name="Folder">For example <c>/srv/vms</c>.</param>
public sealed record PathMapping(string Prefix, string Folder);

/// <summary>How the parents of differencing images are found.</summary>
/// <param name="Mappings">Where Windows paths are on this system; the longest prefix that fits counts.</param>
/// <param name="IgnoreIdMismatch">Takes a parent although it is not the one that the child was made from. The content may be wrong then.</param>
public sealed record ParentSearch(IReadOnlyList<PathMapping> Mappings, bool IgnoreIdMismatch = false)
{
    /// <summary>Looks only where the image says, and beside it.</summary>
    public static ParentSearch Default { get; } = new([]);
}
