using System.Globalization;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>A disk of this computer for a test: a loop device on a file.</summary>
internal sealed class LoopDisk : IDisposable
{
    public LoopDisk(string file, long sizeBytes)
    {
        File = file;
        SetLength(sizeBytes);
        Device = Peer.Run("losetup", "--find", "--show", file).Trim();
    }

    /// <summary>What it stands on.</summary>
    public string File { get; }

    /// <summary>The device.</summary>
    public string Device { get; }

    /// <summary>The kernel's number of it now.</summary>
    public uint Number => uint.Parse(System.IO.File.ReadAllText($"/sys/block/{Path.GetFileName(Device)}/diskseq"), CultureInfo.InvariantCulture);

    /// <summary>Makes the device larger.</summary>
    public void Grow(long sizeBytes)
    {
        SetLength(sizeBytes);
        Peer.Run("losetup", "--set-capacity", Device);
    }

    public void Dispose()
    {
        // Partitions that the kernel was told of outlive the device, which others get.
        Peer.TryRun("partx", "--delete", Device);
        Peer.TryRun("losetup", "--detach", Device);
    }

    private void SetLength(long sizeBytes)
    {
        using var file = new FileStream(File, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(sizeBytes);
    }
}
