using System.Security.Cryptography;
using Vireo.Disks;
using Vireo.Disks.Vhdx;
using Vireo.Testing;

namespace Vireo.Storage.Tests.FrontEnds.Nbd;

/// <summary>What others do to the file of a disk that is served, and a file system that is full: the client sees an error or nothing, never wrong data.</summary>
[Requirement("VD-10")]
public sealed class FileUnderUsTests
{
    private const int SizeBytes = 24 << 20;

    [Theory]
    [InlineData("vhdx")]
    [InlineData("raw")]
    public async Task AFileThatIsReplaced_StaysTheDisk_AndTheOtherIsNotTouched(string format)
    {
        using var folder = new TempFolder();
        var path = folder["a." + format];
        Create(path);
        Create(folder["other." + format]);
        Use(folder["other." + format], folder, "write -P 9 0 4M");
        var other = Hash(folder["other." + format]);
        await using (var server = new NbdServer(folder, ImageFile.Open(path, new ImageOpenOptions())))
        {
            Io(server, "write -P 1 0 4M", "flush");
            File.Move(folder["other." + format], path, overwrite: true);
            Io(server, "read -P 1 0 4M", "write -P 2 4M 4M", "flush", "read -P 2 4M 4M");
            Assert.Equal(other, Hash(path));
        }

        Assert.Equal(other, Hash(path));
    }

    [Theory]
    [InlineData("vhdx")]
    [InlineData("raw")]
    public async Task AFileThatIsCutShort_IsAnError_AndNotZeros(string format)
    {
        using var folder = new TempFolder();
        var path = folder["a." + format];
        Create(path);
        await using var server = new NbdServer(folder, ImageFile.Open(path, new ImageOpenOptions()));
        Io(server, "write -P 1 0 8M", "write -P 2 16M 4M", "flush");
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(format == "raw" ? 12 << 20 : file.Length - (6 << 20));
        }

        var result = Peer.TryRun("qemu-io", "-r", "-f", "raw", "-c", "read -P 2 19M 512k", server.Uri);
        Assert.Contains("Input/output error", result.Output + result.Error, StringComparison.Ordinal);
        Io(server, "read -P 1 0 4M");
    }

    [Fact]
    public async Task AFullFileSystem_IsAnError_AndGoesOnWhenThereIsRoom()
    {
        using var folder = new TempFolder();
        var small = Directory.CreateDirectory(folder["small"]).FullName;
        Peer.Run("mount", "-t", "tmpfs", "-o", "size=16m", "none", small);
        try
        {
            var path = Path.Combine(small, "a.vhdx");
            Create(path);
            await File.WriteAllBytesAsync(Path.Combine(small, "ballast"), new byte[4 << 20]);
            await using (var server = new NbdServer(folder, ImageFile.Open(path, new ImageOpenOptions())))
            {
                Io(server, "write -P 1 0 4M", "flush");
                var result = Peer.TryRun("qemu-io", "-t", "none", "-f", "raw", "-c", "write -P 2 4M 20M", server.Uri);
                Assert.Contains("No space left on device", result.Output + result.Error, StringComparison.Ordinal);
                Io(server, "read -P 1 0 4M");
                File.Delete(Path.Combine(small, "ballast"));
                Io(server, "write -P 3 4M 2M", "flush", "read -P 1 0 4M", "read -P 3 4M 2M");
            }

            Peer.Run("qemu-img", "check", "-f", "vhdx", path);
        }
        finally
        {
            Peer.Run("umount", small);
        }
    }

    private static void Create(string path)
    {
        if (Path.GetExtension(path) == ".raw")
        {
            ImageFile.CreateRaw(path, SizeBytes, reserve: false);
        }
        else
        {
            ImageFile.Create(path, new VhdxCreate(SizeBytes, IsFixed: false, 1 << 20));
        }
    }

    private static void Use(string path, TempFolder folder, string command)
    {
        var server = new NbdServer(folder, ImageFile.Open(path, new ImageOpenOptions()));
        Io(server, command, "flush");
        server.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private static void Io(NbdServer server, params string[] commands)
    {
        var output = Peer.Run("qemu-io", ["-t", "none", "-f", "raw", .. commands.SelectMany(static command => new[] { "-c", command }), server.Uri]);
        Assert.DoesNotContain("failed", output, StringComparison.OrdinalIgnoreCase);
    }

    private static string Hash(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexString(SHA256.HashData(file));
    }
}
