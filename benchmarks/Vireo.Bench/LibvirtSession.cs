using System.Diagnostics;
using System.Globalization;

namespace Vireo.Bench;

/// <summary>
/// A libvirt session daemon with folders of its own, started by virsh and ended by disposal. Root has no session, so another user asks; whoever is
/// compared with it starts through the same program, to pay the same for it.
/// </summary>
/// <param name="folder">Its folder, which everybody may use.</param>
internal sealed class LibvirtSession(string folder) : IAsyncDisposable
{
    private static readonly string[] s_asUser = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "virsh", "-c", "qemu:///session"];

    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal)
    {
        ["HOME"] = folder,
        ["XDG_RUNTIME_DIR"] = Path.Combine(folder, "run"),
        ["XDG_CONFIG_HOME"] = Path.Combine(folder, "config"),
        ["XDG_CACHE_HOME"] = Path.Combine(folder, "cache"),
    };

    /// <summary>Commands and the Debian packages they come from.</summary>
    public static IReadOnlyList<(string Command, string Package)> Needs { get; } =
        [("virsh", "libvirt-clients"), ("libvirtd", "libvirt-daemon-driver-qemu"), ("setpriv", "util-linux")];

    /// <summary>Runs virsh and returns what it printed.</summary>
    public Task<string> OutputAsync(params string[] arguments) => Tool.OutputAsync("setpriv", [.. s_asUser, .. arguments], _environment);

    /// <summary>Milliseconds that virsh took.</summary>
    public Task<double> TimeAsync(params string[] arguments) => Tool.TimeAsync("setpriv", [.. s_asUser, .. arguments], _environment);

    /// <summary>Makes a domain known.</summary>
    public async Task DefineAsync(string xml)
    {
        var definition = Path.Combine(folder, "domain.xml");
        await File.WriteAllTextAsync(definition, xml);
        await OutputAsync("define", definition);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // The daemon says its process id in its own folder.
        var record = Path.Combine(_environment["XDG_RUNTIME_DIR"], "libvirt", "libvirtd.pid");
        if (File.Exists(record))
        {
            using var daemon = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(record), CultureInfo.InvariantCulture));
            daemon.Kill();
            await daemon.WaitForExitAsync();
        }
    }
}
