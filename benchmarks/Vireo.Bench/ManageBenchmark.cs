using System.Globalization;
using System.Text.RegularExpressions;

namespace Vireo.Bench;

/// <summary>
/// Listing many virtual machines, as a script does it: <c>vireo Get-VM</c> against <c>virsh list --all</c> with as many defined domains, the
/// start of the client included. Both managers run all the time; rounds alternate, so that what disturbs one disturbs the other.
/// </summary>
internal sealed partial class ManageBenchmark : IBenchmark
{
    private const int Rounds = 21;

    /// <inheritdoc/>
    public string Name => "manage";

    /// <inheritdoc/>
    public string Summary => "list 200 virtual machines: vireo Get-VM and virsh list --all";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs => [("virsh", "libvirt-clients"), ("libvirtd", "libvirt-daemon-driver-qemu"), ("setpriv", "util-linux")];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        var count = arguments.Count > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 200;
        var vireo = Path.Combine(Tool.Root, "out", "vireo");
        var folder = Directory.CreateTempSubdirectory("vb-").FullName;
        var root = Path.Combine(folder, "host");

        // The peer's session daemon: its own folders, started by virsh, ended below. Root has no session, so another user asks; both clients start
        // through the same program, to pay the same for it.
        string[] asUser = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "virsh", "-c", "qemu:///session"];
        string[] asRoot = ["--reuid", "0", "--regid", "0", "--clear-groups", vireo, "--root", root];
        var session = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOME"] = folder,
            ["XDG_RUNTIME_DIR"] = Path.Combine(folder, "run"),
            ["XDG_CONFIG_HOME"] = Path.Combine(folder, "config"),
            ["XDG_CACHE_HOME"] = Path.Combine(folder, "cache"),
        };
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        try
        {
            Console.Error.WriteLine($"Registering {count} virtual machines with each");
            await Tool.OutputAsync(vireo, ["--root", root, "up"]);
            for (var number = 1; number <= count; number++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"vm{number:000}");
                await Tool.OutputAsync(vireo, ["--root", root, "New-VM", "-Name", name, "-MemoryStartupBytes", "512MB", "-NoVHD"]);
                var definition = Path.Combine(folder, "domain.xml");
                await File.WriteAllTextAsync(definition, $"<domain type='qemu'><name>{name}</name><memory unit='MiB'>512</memory><os><type arch='x86_64'>hvm</type></os></domain>");
                await Tool.OutputAsync("setpriv", [.. asUser, "define", definition], session);
            }

            await CheckAsync("vireo Get-VM", await Tool.OutputAsync(vireo, ["--root", root, "Get-VM"]), count);
            await CheckAsync("virsh list", await Tool.OutputAsync("setpriv", [.. asUser, "list", "--all"], session), count);

            Console.Error.WriteLine($"{Rounds} rounds in turns");
            List<double> all = [], some = [], peer = [];
            for (var round = 0; round < Rounds; round++)
            {
                all.Add(await Tool.TimeAsync("setpriv", [.. asRoot, "Get-VM"]));
                peer.Add(await Tool.TimeAsync("setpriv", [.. asUser, "list", "--all"], session));
                some.Add(await Tool.TimeAsync("setpriv", [.. asRoot, "Get-VM", "vm01*"]));
            }

            return
            [
                new($"Get-VM, {count} machines", "ms", Tool.Median(all), "virsh list --all", Tool.Median(peer), LessIsBetter: true),
                new("Get-VM vm01*", "ms", Tool.Median(some), "virsh list --all", Tool.Median(peer), LessIsBetter: true),
            ];
        }
        finally
        {
            await Tool.OutputAsync(vireo, ["--root", root, "down"]);
            await StopSessionAsync(session["XDG_RUNTIME_DIR"]);
            Directory.Delete(folder, recursive: true);
        }
    }

    // A figure for a wrong answer is worth nothing.
    private static Task CheckAsync(string what, string output, int count) => MachineName().Count(output) == count
        ? Task.CompletedTask
        : throw new InvalidOperationException($"{what} shows {MachineName().Count(output)} machines instead of {count}.");

    // The daemon says its process id in its own folder.
    private static async Task StopSessionAsync(string runtime)
    {
        var record = Path.Combine(runtime, "libvirt", "libvirtd.pid");
        if (File.Exists(record))
        {
            using var daemon = System.Diagnostics.Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(record), CultureInfo.InvariantCulture));
            daemon.Kill();
            await daemon.WaitForExitAsync();
        }
    }

    [GeneratedRegex(@"\bvm\d{3}\b", RegexOptions.None, 1000)]
    private static partial Regex MachineName();
}
