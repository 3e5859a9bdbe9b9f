using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;

namespace Vireo.Machines.Accelerators;

/// <summary>
/// Finds out whether guests can run under KVM by running one (<see cref="ProbeBootSector"/>), as the user and with the processor model
/// that real guests get. The answer is remembered in a file until the boot, the kernel, QEMU or the user changes.
/// </summary>
/// <param name="qemuPath">QEMU.</param>
/// <param name="cachePath">File that remembers the answer.</param>
/// <param name="user">Unprivileged user that guests run as; null is who we are.</param>
/// <param name="time">Clock.</param>
public sealed class AcceleratorProbe(string qemuPath, string cachePath, string? user, TimeProvider time)
{
    /// <summary>A working KVM needs about 0.2 s; one that takes longer than this is slower than TCG.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    /// <summary>The answer, remembered or found now.</summary>
    /// <exception cref="MachineException">QEMU is missing or cannot run at all.</exception>
    public async Task<AcceleratorReport> GetAsync(CancellationToken cancellationToken = default)
    {
        var version = await GetQemuVersionAsync(qemuPath, cancellationToken).ConfigureAwait(false)
            ?? throw new MachineException(MachineErrorKind.MissingResource, $"QEMU is missing ('{qemuPath}'): install the package qemu-system-x86.");
        var key = $"{ProcessIdentity.CurrentBootId} {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()} {qemuPath} {version} {user}";
        if (ReadCache() is { } remembered && remembered.Key == key)
        {
            return remembered.Report;
        }

        var report = await ProbeAsync(version, cancellationToken).ConfigureAwait(false);
        AtomicFile.Write(cachePath, JsonSerializer.SerializeToUtf8Bytes(new RememberedProbe(key, report), AcceleratorJson.Default.RememberedProbe));
        return report;
    }

    /// <summary>Version of QEMU at <paramref name="qemuPath"/>, for example <c>7.2.22</c>; null when it cannot be run.</summary>
    public static async Task<string?> GetQemuVersionAsync(string qemuPath, CancellationToken cancellationToken = default)
    {
        var result = await ProgramRunner.RunAsync(qemuPath, ["--version"], TimeSpan.FromSeconds(30), cancellationToken).ConfigureAwait(false);
        const string Marker = "version ";
        var at = result?.Output.IndexOf(Marker, StringComparison.Ordinal) ?? -1;
        return at < 0 || result!.ExitCode != 0 ? null : result.Output[(at + Marker.Length)..].Split(' ', '\n', '(')[0];
    }

    /// <summary>Runs the probe's guest under an accelerator. Null: it got to the end; else why not, as the end of a sentence.</summary>
    public async Task<string?> RunGuestAsync(AcceleratorKind accelerator, TimeSpan limit, CancellationToken cancellationToken = default)
    {
        var image = Path.Combine(Path.GetTempPath(), $"vireo-probe-{Guid.NewGuid():N}");
        try
        {
            await File.WriteAllBytesAsync(image, ProbeBootSector.ToImage(), cancellationToken).ConfigureAwait(false);
            File.SetUnixFileMode(image, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);

            // A snapshot: an IDE disk must be writable, and the guests' user may only read our file.
            string[] command =
            [
                .. Running.Privileges.Drop(user), qemuPath, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc,memory-backend=memory",
                "-object", "memory-backend-memfd,id=memory,size=32M,share=on", "-m", "32",
                "-accel", accelerator == AcceleratorKind.Kvm ? "kvm" : "tcg", "-cpu", accelerator == AcceleratorKind.Kvm ? "host" : "max",
                "-device", string.Create(CultureInfo.InvariantCulture, $"isa-debug-exit,iobase={ProbeBootSector.Port},iosize=4"),
                "-drive", $"file={image},format=raw,if=ide,snapshot=on", "-boot", "strict=on",
            ];
            var result = await ProgramRunner.RunAsync(command[0], command[1..], limit, cancellationToken).ConfigureAwait(false);
            return result switch
            {
                null => $"'{command[0]}' cannot be run",
                { ExitCode: ProbeBootSector.ExitStatus } => null,
                { ExitCode: null } => string.Create(CultureInfo.InvariantCulture, $"a test guest did not get through its first second of work within {limit.TotalSeconds:0} s"),
                _ => $"QEMU ended with status {result.ExitCode}: {LastError(result.Error)}",
            };
        }
        finally
        {
            File.Delete(image);
        }
    }

    private static string LastError(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

        // An assertion is a consequence; the error before it says more.
        var line = lines.LastOrDefault(l => !l.Contains("Assertion", StringComparison.Ordinal)) ?? lines.LastOrDefault() ?? "it said nothing";
        var colon = line.IndexOf(": ", StringComparison.Ordinal);
        return colon > 0 && line.StartsWith("qemu", StringComparison.Ordinal) ? line[(colon + 2)..] : line;
    }

    private async Task<AcceleratorReport> ProbeAsync(string version, CancellationToken cancellationToken)
    {
        if (!File.Exists("/dev/kvm"))
        {
            return new(AcceleratorKind.Tcg, "There is no /dev/kvm: the processor's virtualization extensions are off or not handed to this machine.", version, time.GetUtcNow());
        }

        var failure = await RunGuestAsync(AcceleratorKind.Kvm, s_limit, cancellationToken).ConfigureAwait(false);
        return failure is null
            ? new(AcceleratorKind.Kvm, "A test guest ran under KVM.", version, time.GetUtcNow())
            : new(AcceleratorKind.Tcg, $"/dev/kvm exists, but guests do not run under it: {failure.TrimEnd('.')}.", version, time.GetUtcNow());
    }

    private RememberedProbe? ReadCache()
    {
        try
        {
            return File.Exists(cachePath) ? JsonSerializer.Deserialize(File.ReadAllBytes(cachePath), AcceleratorJson.Default.RememberedProbe) : null;
        }
        catch (Exception exception) when (exception is JsonException or IOException)
        {
            // A file of another version, or none of ours: the probe is repeated and the file replaced.
            return null;
        }
    }
}

/// <summary>What the file remembers.</summary>
/// <param name="Key">Everything the answer depends on.</param>
/// <param name="Report">The answer.</param>
internal sealed record RememberedProbe(string Key, AcceleratorReport Report);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(RememberedProbe))]
internal sealed partial class AcceleratorJson : JsonSerializerContext;
