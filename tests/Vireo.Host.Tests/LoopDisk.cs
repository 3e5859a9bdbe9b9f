using System.Globalization;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>A disk of this computer for a test: a loop device on a file.</summary>
internal sealed class LoopDisk : IDisposable
{
    public LoopDisk(string file, long sizeBytes, string? device = null)
    {
        File = file;
        using (var made = System.IO.File.Create(file))
        {
            made.SetLength(sizeBytes);
        }

        if (device is null)
        {
            Device = Peer.Run("losetup", "--find", "--show", file).Trim();
        }
        else
        {
            Peer.Run("losetup", device, file);
            Device = device;
        }
    }

    /// <summary>What it stands on.</summary>
    public string File { get; }

    /// <summary>The device.</summary>
    public string Device { get; }

    /// <summary>The kernel's number of it now.</summary>
    public uint Number => uint.Parse(System.IO.File.ReadAllText($"/sys/block/{Path.GetFileName(Device)}/diskseq"), CultureInfo.InvariantCulture);

    public void Dispose() => Peer.TryRun("losetup", "--detach", Device);
}
