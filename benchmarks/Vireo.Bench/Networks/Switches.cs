using System.Diagnostics;

namespace Vireo.Bench.Networks;

/// <summary>Vireo's switch alone (<c>vireo lab switch</c>), as <c>./vireo build</c> has made it.</summary>
/// <param name="usesTaps">The computers have the switch's own interfaces instead of cables to it.</param>
internal sealed class VireoLab(bool usesTaps) : INetworkSwitch
{
    /// <inheritdoc/>
    public string Name => usesTaps ? "vireo-tap" : "vireo-packet";

    /// <inheritdoc/>
    public bool IsProcess => true;

    /// <inheritdoc/>
    public async Task<Process?> StartAsync(TwoHosts hosts, Children children, string folder)
    {
        if (!usesTaps)
        {
            await hosts.WireAsync();
        }

        var ready = new TaskCompletionSource();
        var kind = usesTaps ? "tap" : "packet";
        var process = children.Start(
            "ip",
            ["netns", "exec", hosts.Middle, "taskset", "-c", Processors.Switch, Path.Combine(Tool.Root, "out", "vireo-switch"), "lab", "--port", $"{kind}:sa", "--port", $"{kind}:sb"],
            line =>
            {
                if (line == "ready")
                {
                    ready.TrySetResult();
                }
                else if (line.Length > 0 && !line.StartsWith("port ", StringComparison.Ordinal))
                {
                    Console.Error.WriteLine(line);
                }
            });
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(30));
        if (usesTaps)
        {
            await hosts.GiveAsync("sa", "sb");
        }

        await hosts.AddressAsync();
        return process;
    }
}

/// <summary>The kernel's bridge.</summary>
internal sealed class KernelBridge : INetworkSwitch
{
    /// <inheritdoc/>
    public string Name => "bridge";

    /// <inheritdoc/>
    public bool IsProcess => false;

    /// <inheritdoc/>
    public async Task<Process?> StartAsync(TwoHosts hosts, Children children, string folder)
    {
        await hosts.WireAsync();
        foreach (var line in new[] { "link add name vbridge type bridge", "link set sa master vbridge", "link set sb master vbridge", "link set dev vbridge up" })
        {
            await Tool.OutputAsync("ip", ["-n", hosts.Middle, .. line.Split(' ')]);
        }

        await hosts.AddressAsync();
        return null;
    }
}

/// <summary>Open vSwitch, all of it in one process, by packet sockets; with its own cutting of segments where the computers leave that to the network.</summary>
/// <param name="cuts">Whether it is to do so.</param>
internal sealed class OvsUserspace(bool cuts) : INetworkSwitch
{
    /// <inheritdoc/>
    public string Name => cuts ? "ovs-tso" : "ovs";

    /// <inheritdoc/>
    public bool IsProcess => true;

    /// <inheritdoc/>
    public async Task<Process?> StartAsync(TwoHosts hosts, Children children, string folder)
    {
        await hosts.WireAsync();
        var environment = new[] { "OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR" }.ToDictionary(name => name, _ => folder, StringComparer.Ordinal);
        var database = Path.Combine(folder, "db.sock");
        string[] client = ["--db=unix:" + database, "--timeout=30"];
        await Tool.OutputAsync("ovsdb-tool", ["create", Path.Combine(folder, "conf.db"), "/usr/share/openvswitch/vswitch.ovsschema"], environment);
        children.Start("ovsdb-server", [Path.Combine(folder, "conf.db"), $"--remote=punix:{database}", $"--unixctl={Path.Combine(folder, "db.ctl")}", "--no-chdir"], _ => { }, environment);
        await UntilAsync("ovs-vsctl", [.. client, "--no-wait", "init"], environment);
        if (cuts)
        {
            await Tool.OutputAsync("ovs-vsctl", [.. client, "--no-wait", "set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true"], environment);
        }

        var plain = "/usr/lib/openvswitch-switch/ovs-vswitchd";
        var program = cuts ? OvsDpdk.Program : File.Exists(plain) ? plain : "ovs-vswitchd";
        var control = Path.Combine(folder, "vs.ctl");
        var process = children.Start(
            "ip", ["netns", "exec", hosts.Middle, "taskset", "-c", Processors.Switch, program, $"unix:{database}", $"--unixctl={control}", "--no-chdir"], _ => { }, environment);
        await UntilAsync("ovs-appctl", ["-t", control, "version"], environment);
        await Tool.OutputAsync("ovs-vsctl", [.. client, "add-br", "spbr", "--", "set", "Bridge", "spbr", "datapath_type=netdev", "fail_mode=standalone"], environment);
        await Tool.OutputAsync("ovs-vsctl", [.. client, "add-port", "spbr", "sa", "--", "add-port", "spbr", "sb"], environment);
        await hosts.AddressAsync();
        return process;
    }

    private static async Task UntilAsync(string program, IReadOnlyList<string> arguments, Dictionary<string, string> environment)
    {
        const int tries = 100;
        for (var i = 0; ; i++)
        {
            try
            {
                await Tool.OutputAsync(program, arguments, environment);
                return;
            }
            catch (InvalidOperationException) when (i < tries)
            {
                await Task.Delay(200);
            }
        }
    }
}

/// <summary>VDE's switch, with taps.</summary>
internal sealed class VdeSwitch : INetworkSwitch
{
    /// <inheritdoc/>
    public string Name => "vde";

    /// <inheritdoc/>
    public bool IsProcess => true;

    /// <inheritdoc/>
    public async Task<Process?> StartAsync(TwoHosts hosts, Children children, string folder)
    {
        var process = children.Start(
            "ip", ["netns", "exec", hosts.Middle, "taskset", "-c", Processors.Switch, "vde_switch", "-s", Path.Combine(folder, "ctl"), "-t", "sa", "-t", "sb"], _ => { });
        for (var i = 0; !(await Tool.OutputAsync("ip", ["-n", hosts.Middle, "-brief", "link"])).Contains("sb", StringComparison.Ordinal); i++)
        {
            await Task.Delay(200);
            if (i > 100)
            {
                throw new InvalidOperationException("vde_switch did not make its interfaces.");
            }
        }

        await hosts.GiveAsync("sa", "sb");
        await hosts.AddressAsync();
        return process;
    }
}

/// <summary>Which processor does what.</summary>
internal static class Processors
{
    /// <summary>The switch's, if it is a process.</summary>
    public const string Switch = "0";

    /// <summary>The computers'.</summary>
    public const string Hosts = "1";
}
