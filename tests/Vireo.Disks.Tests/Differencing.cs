using Vireo.Disks.Vhd;

namespace Vireo.Disks.Tests;

/// <summary>Makes children for tests that need them of a size of their own.</summary>
internal static class Differencing
{
    public static void CreateVhd(string path, string parentPath, long sizeBytes, int blockBytes)
    {
        var parent = ImageFile.Open(parentPath, new ImageOpenOptions(ReadOnly: true));
        var id = parent.Identity;
        parent.DisposeAsync().AsTask().GetAwaiter().GetResult();
        ImageFile.Create(path, new VhdCreate(sizeBytes, IsFixed: false, blockBytes, new VhdParent(id, ParentPath.Of(path, parentPath), DateTimeOffset.UnixEpoch)));
    }
}
