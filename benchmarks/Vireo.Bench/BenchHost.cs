using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Vireo.Testing;

namespace Vireo.Bench;

/// <summary>A whole Vireo host with a root folder and a network namespace of its own, up until disposal.</summary>
internal sealed class BenchHost : IAsyncDisposable
{
    private static readonly string s_vireo = Path.Combine(Tool.Root, "out", "vireo");
    private readonly string _root;
    private readonly NetworkNamespace _network;

    private BenchHost(string root, NetworkNamespace network) => (_root, _network) = (root, network);

    /// <summary>Its sockets.</summary>
    public string RunFolder => Path.Combine(_root, "run");

    /// <summary>Starts it.</summary>
    public static async Task<BenchHost> UpAsync(string root)
    {
        var network = new NetworkNamespace();
        await Tool.OutputAsync("ip", ["netns", "exec", network.Name, s_vireo, "--root", root, "up"]);
        return new BenchHost(root, network);
    }

    /// <summary>Runs a command and returns what it printed.</summary>
    public Task<string> OutputAsync(params string[] arguments) => Tool.OutputAsync(s_vireo, ["--root", _root, .. arguments]);

    /// <summary>Milliseconds that a command took, its program started the way <see cref="LibvirtSession"/> starts virsh.</summary>
    public Task<double> TimeAsync(params string[] arguments) =>
        Tool.TimeAsync("setpriv", ["--reuid", "0", "--regid", "0", "--clear-groups", s_vireo, "--root", _root, .. arguments]);

    /// <summary>A property of the one machine of that name.</summary>
    public async Task<string> PropertyAsync(string machine, string property) =>
        JsonNode.Parse(await OutputAsync("--json", "Get-VM", "-Name", machine))?[property]?.ToString() ?? throw new InvalidOperationException($"'{machine}' has no {property}.");

    /// <summary>The folder with the sockets of a running machine.</summary>
    public async Task<string> MachineFolderAsync(string machine) =>
        Path.Combine(RunFolder, "m", Guid.Parse(await PropertyAsync(machine, "Id")).ToString("N", CultureInfo.InvariantCulture));

    /// <summary>The processes of the host itself: its planes, not its guests.</summary>
    public IReadOnlyList<Process> Planes() =>
        [.. Process.GetProcesses().Where(process => process.ProcessName.StartsWith("vireo-", StringComparison.Ordinal) && CommandLine(process).Contains(_root, StringComparison.Ordinal))];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await OutputAsync("Get-VM | Stop-VM -TurnOff -Force");
        await OutputAsync("down");
        _network.Dispose();
    }

    private static string CommandLine(Process process)
    {
        try
        {
            return File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}/cmdline"));
        }
        catch (IOException)
        {
            // It has ended.
            return "";
        }
    }
}
