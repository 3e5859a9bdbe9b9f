using Vireo.Testing;

namespace Vireo.Disks.Tests;

/// <summary>A file system of its own in a file of a test's folder, gone when the test ends.</summary>
internal sealed class LoopMount : IDisposable
{
    private LoopMount(string folder) => Folder = folder;

    public string Folder { get; }

    /// <summary>Makes and mounts one; null where the kernel does not have it.</summary>
    public static LoopMount? TryMake(TempFolder folder, string fileSystem)
    {
        var image = folder[fileSystem + ".fs"];
        using (var file = File.Create(image))
        {
            file.SetLength(512L << 20);
        }

        Peer.Run("mkfs." + fileSystem, image);
        var mountPoint = Directory.CreateDirectory(folder[fileSystem]).FullName;
        var mounted = Peer.TryRun("mount", "-o", "loop", "-t", fileSystem, image, mountPoint);
        return mounted.ExitCode == 0 ? new LoopMount(mountPoint)
            : mounted.Error.Contains("unknown filesystem", StringComparison.Ordinal) ? null
            : throw new InvalidOperationException(mounted.Error);
    }

    public void Dispose() => Peer.Run("umount", Folder);
}
