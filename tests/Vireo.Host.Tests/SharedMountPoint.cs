using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>
/// A folder to mount something on that goes away for everybody when it is unmounted. Processes that get a mount namespace of their own meanwhile,
/// as each that runs in another test's network does, would keep a private mount alive with their copy of it.
/// </summary>
internal sealed class SharedMountPoint : IDisposable
{
    private readonly string _folder;
    private bool _isGone;

    public SharedMountPoint(string folder)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        Peer.Run("mount", "--bind", _folder, _folder);
        Peer.Run("mount", "--make-shared", _folder);
        Path = Directory.CreateDirectory(System.IO.Path.Combine(_folder, "point")).FullName;
    }

    /// <summary>Where to mount.</summary>
    public string Path { get; }

    /// <summary>Takes it away; what was mounted on it must be gone.</summary>
    public void Dispose()
    {
        if (!_isGone)
        {
            _isGone = true;
            Peer.Run("umount", _folder);
        }
    }
}
