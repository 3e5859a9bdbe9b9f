using System.Globalization;
using Vireo.Control.Storage;
using Vireo.Testing;

namespace Vireo.Storage.Tests.Plane;

/// <summary>A disk of a plane with a writer that never stops: it stamps places, remembers what was completed, and can be compared.</summary>
internal sealed class LiveDisk(TempFolder folder, Guid id, string extension = "vhdx")
{
    private const int Slots = 64;
    private readonly byte[] _stamps = new byte[Slots];
    private readonly Random _random = new(1);

    public DiskAttachment Attachment { get; } = new(id, folder["a." + extension], ReadOnly: false, FrontEndKind.Nbd, folder["a.sock"]);

    public string Uri => $"nbd+unix:///?socket={Attachment.SocketPath}";

    /// <summary>A disk with three snapshots, <c>a &lt;- b &lt;- c &lt;- d</c>, each with something of its own.</summary>
    public static async Task<LiveDisk> ChainAsync(TempFolder folder, Guid id, StorageProcess plane, string extension = "vhdx")
    {
        var disk = new LiveDisk(folder, id, extension);
        await disk.CreateAsync(plane);
        disk.Write();
        foreach (var name in new[] { "b", "c", "d" })
        {
            await plane.Client.SnapshotAsync(id, new TakeSnapshot(folder[$"{name}.a{extension}"]));
            disk.Write();
        }

        disk.Verify();
        return disk;
    }

    /// <summary>The extension of the disk whose snapshot has <paramref name="path"/>.</summary>
    public static string ExtensionOf(string path) => Path.GetExtension(path)[2..];

    /// <summary>Returns when the disk's merge is done.</summary>
    public static Task MergedAsync(Guid id, StorageProcess plane) => Wait.UntilAsync("the merge is done", async () =>
    {
        var status = await plane.Client.GetCopyAsync(id, CopyKind.Merge);
        Assert.True(status.Phase is CopyPhase.Copying or CopyPhase.Ready or CopyPhase.Completed, $"{status}");
        return status.Phase == CopyPhase.Completed;
    });

    public async Task CreateAsync(StorageProcess plane)
    {
        await plane.Client.CreateImageAsync(extension == "vhd"
            ? new CreateImage(Attachment.Path, ImageFormat.Vhd, ImageType.Dynamic, 64 << 20, 2 << 20)
            : new CreateImage(Attachment.Path, ImageFormat.Vhdx, ImageType.Dynamic, 64 << 20, 1 << 20));
        await plane.Client.OpenDiskAsync(Attachment);
    }

    /// <summary>Writes some slots (half a megabyte each, apart) with other stamps. What a killed plane did not complete is not remembered, but may be there.</summary>
    public void Write(int count = 12)
    {
        List<string> arguments = ["-t", "none", "-f", "raw"];
        List<(int Slot, byte Stamp)> planned = [];
        for (var i = 0; i < count; i++)
        {
            var (slot, stamp) = (_random.Next(Slots), (byte)_random.Next(1, 256));
            planned.Add((slot, stamp));
            arguments.AddRange(["-c", string.Create(CultureInfo.InvariantCulture, $"write -P {stamp} {slot}M 512k")]);
        }

        var result = Peer.TryRun("qemu-io", [.. arguments, Uri]);
        var completed = result.Output.Split('\n').Count(line => line.StartsWith("wrote ", StringComparison.Ordinal));
        for (var i = 0; i < planned.Count; i++)
        {
            // 0 means: anything.
            _stamps[planned[i].Slot] = i < completed ? planned[i].Stamp : i == completed ? (byte)0 : _stamps[planned[i].Slot];
        }
    }

    /// <summary>A write that no other shares a megabyte with: a quarter of one in the second half of a slot.</summary>
    public void WriteBeside(int slot) =>
        Peer.Run("qemu-io", "-t", "none", "-f", "raw", "-c", string.Create(CultureInfo.InvariantCulture, $"write -P 0x77 {(slot * 1024) + 640}k 256k"), "-c", "flush", Uri);

    /// <summary>What <see cref="WriteBeside"/> wrote is there.</summary>
    public void VerifyBeside(int slot) => Assert.DoesNotContain(
        "verification failed",
        Peer.Run("qemu-io", "-r", "-f", "raw", "-c", string.Create(CultureInfo.InvariantCulture, $"read -P 0x77 {(slot * 1024) + 640}k 256k"), Uri),
        StringComparison.OrdinalIgnoreCase);

    /// <summary>Every slot that was written and completed reads as it was written.</summary>
    public void Verify(string? uri = null)
    {
        List<string> arguments = ["-r", "-f", "raw"];
        for (var slot = 0; slot < Slots; slot++)
        {
            if (_stamps[slot] != 0)
            {
                arguments.AddRange(["-c", string.Create(CultureInfo.InvariantCulture, $"read -P {_stamps[slot]} {slot}M 512k")]);
            }
        }

        if (arguments.Count > 3)
        {
            var output = Peer.Run("qemu-io", [.. arguments, uri ?? Uri]);
            Assert.DoesNotContain("verification failed", output, StringComparison.OrdinalIgnoreCase);
        }
    }

    public byte[] Stamps => [.. _stamps];

    public void Restore(byte[] stamps) => stamps.CopyTo(_stamps, 0);
}
