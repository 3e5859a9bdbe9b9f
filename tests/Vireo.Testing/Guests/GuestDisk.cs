using System.Diagnostics;
using System.Globalization;

namespace Vireo.Testing.Guests;

/// <summary>Bootable disks of the small guest that <c>guests/build</c> makes; guests/README.md says what is in it.</summary>
public static class GuestDisk
{
    /// <summary>The line with which the guest says on its console that it is up.</summary>
    public const string ReadyLine = "vireo-guest ready";

    /// <summary>
    /// Makes a disk at <paramref name="path"/>, whose ending says what: <c>.raw</c> or <c>.vhdx</c>. The first build on a machine downloads packages;
    /// later ones copy from a cache. A guest that bounces copies what its disks read, see "Emulated processors" in src/Vireo.Vhost/README.md.
    /// The kernel <c>full</c> has the drivers of emulated hardware.
    /// </summary>
    public static void Build(string path, int generation, bool isFixed = false, int sizeMegabytes = 1024, bool bounces = false, string? kernel = null)
    {
        string[] arguments =
        [
            "--quiet", "--generation", generation.ToString(CultureInfo.InvariantCulture), "--output", path,
            "--size", string.Create(CultureInfo.InvariantCulture, $"{sizeMegabytes}M"), .. isFixed ? ["--fixed"] : Array.Empty<string>(), .. bounces ? ["--bounce"] : Array.Empty<string>(), .. kernel is null ? Array.Empty<string>() : ["--kernel", kernel],
        ];
        var start = new ProcessStartInfo(Path.Combine(Repository.Root, "guests", "build"), arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"guests/build {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{output.Result}{error.Result}");
        }
    }

    /// <summary>
    /// Reads a file of the guest's root file system with another reader (debugfs of e2fsprogs) out of <paramref name="rawPath"/>, the plain sectors of
    /// the disk.
    /// </summary>
    public static string ReadFile(string rawPath, string guestPath)
    {
        // The root partition starts at 49 MB (guests/lib/disk.sh) and takes the rest.
        var start = new ProcessStartInfo("debugfs", ["-R", $"cat {guestPath}", $"{rawPath}?offset={49L << 20}"]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/sbin:/sbin";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 && !error.Result.Contains("File not found", StringComparison.Ordinal)
            ? output
            : throw new InvalidOperationException($"debugfs did not find {guestPath} in {rawPath}: {error.Result}");
    }
}
