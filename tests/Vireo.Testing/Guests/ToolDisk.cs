using System.Globalization;
using System.Text.RegularExpressions;

namespace Vireo.Testing.Guests;

/// <summary>
/// A small file system (ext4, plain sectors) with programs of this computer for a guest: in <c>bin</c>, with the libraries that they need in
/// <c>lib</c>. The guest mounts it at <see cref="Folder"/>; see <see cref="MountCommand"/>.
/// </summary>
public static partial class ToolDisk
{
    /// <summary>Where the guest has it.</summary>
    public const string Folder = "/tools";

    /// <summary>Lets programs of it run.</summary>
    public const string Environment = $"LD_LIBRARY_PATH={Folder}/lib PATH=$PATH:{Folder}/bin";

    /// <summary>What the guest's shell runs first. The disk is found by its label: disks come in any order.</summary>
    public const string MountCommand = $"mkdir -p {Folder} && mount -t ext4 -o ro $(findfs LABEL={Label}) {Folder}";

    private const string Label = "vireo-tools";

    /// <summary>Makes it.</summary>
    /// <param name="path">The image.</param>
    /// <param name="programs">Programs and shared libraries by their paths.</param>
    /// <param name="folders">Folders that are copied as they are: name in the guest, folder here.</param>
    public static void Build(string path, IReadOnlyList<string> programs, IReadOnlyDictionary<string, string>? folders = null)
    {
        using var work = new TempFolder();
        var (bin, lib) = (Directory.CreateDirectory(work["bin"]).FullName, Directory.CreateDirectory(work["lib"]).FullName);
        foreach (var program in programs)
        {
            File.Copy(program, Path.Combine(program.Contains(".so", StringComparison.Ordinal) ? lib : bin, Path.GetFileName(program)), overwrite: true);
            foreach (Match library in Library().Matches(Peer.Run("ldd", program)))
            {
                File.Copy(library.Groups[1].Value, Path.Combine(lib, Path.GetFileName(library.Groups[1].Value)), overwrite: true);
            }
        }

        foreach (var (name, folder) in folders ?? new Dictionary<string, string>())
        {
            Peer.Run("cp", "-rL", folder, work[name]);
        }

        var bytes = Directory.EnumerateFiles(work.Path, "*", SearchOption.AllDirectories).Sum(static file => new FileInfo(file).Length + 4096);
        Peer.Run("mke2fs", "-q", "-L", Label, "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", work.Path, path, string.Create(CultureInfo.InvariantCulture, $"{(bytes / 1024 * 11 / 10) + 8192}k"));
    }

    [GeneratedRegex("=> (/[^ ]+) ")]
    private static partial Regex Library();
}
