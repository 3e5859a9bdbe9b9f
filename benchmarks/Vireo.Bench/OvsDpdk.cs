using System.Globalization;

namespace Vireo.Bench;

/// <summary>A private Open vSwitch with DPDK, one packet processor, that connects to two vhost-user sockets and switches by address (NORMAL).</summary>
internal sealed class OvsDpdk
{
    /// <summary>The program of Debian's package.</summary>
    public const string Program = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";

    private readonly string _folder;
    private readonly Dictionary<string, string> _environment;

    private OvsDpdk(string folder)
    {
        _folder = folder;
        _environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["OVS_RUNDIR"] = folder,
            ["OVS_LOGDIR"] = folder,
            ["OVS_DBDIR"] = folder,
            ["OVS_SYSCONFDIR"] = folder,
        };
    }

    /// <summary>Starts it on <paramref name="processor"/> with a port for each of <paramref name="sockets"/>.</summary>
    public static async Task<OvsDpdk> StartAsync(Children children, string folder, int processor, IReadOnlyList<string> sockets)
    {
        var ovs = new OvsDpdk(folder);
        await ovs.RunAsync("ovsdb-tool", "create", Path.Combine(folder, "conf.db"), "/usr/share/openvswitch/vswitch.ovsschema");
        children.Start("ovsdb-server", [Path.Combine(folder, "conf.db"), $"--remote=punix:{ovs.Database}", $"--unixctl={Path.Combine(folder, "db.ctl")}", "--no-chdir"], _ => { }, ovs._environment);
        await ovs.UntilAsync("ovs-vsctl", $"--db=unix:{ovs.Database}", "--no-wait", "init");
        var mask = string.Create(CultureInfo.InvariantCulture, $"0x{1 << processor:x}");
        await ovs.SetAsync(
            "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true", "other_config:dpdk-socket-mem=1024", $"other_config:pmd-cpu-mask={mask}",
            $"other_config:dpdk-lcore-mask={mask}", "other_config:dpdk-extra=\"--in-memory --no-pci --iova-mode=va\"");
        children.Start(
            "taskset", ["-c", processor.ToString(CultureInfo.InvariantCulture), "unshare", "--net", Program, $"unix:{ovs.Database}", $"--unixctl={ovs.Control}", "--no-chdir"], _ => { }, ovs._environment);
        await ovs.UntilAsync("ovs-appctl", "-t", ovs.Control, "version");
        await ovs.SetAsync("add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev", "fail_mode=standalone");
        for (var i = 0; i < sockets.Count; i++)
        {
            await ovs.SetAsync("add-port", "br", $"vu{i}", "--", "set", "Interface", $"vu{i}", "type=dpdkvhostuserclient", $"ofport_request={i + 1}", $"options:vhost-server-path={sockets[i]}");
        }

        // What the second port sends stops here; the second guest's address is known, as it would be after its first frame.
        var flows = Path.Combine(folder, "flows");
        await File.WriteAllTextAsync(flows, "priority=10,in_port=2,actions=drop\npriority=0,actions=NORMAL\n");
        await ovs.RunAsync("ovs-ofctl", "del-flows", $"unix:{Path.Combine(folder, "br.mgmt")}");
        await ovs.RunAsync("ovs-ofctl", "add-flows", $"unix:{Path.Combine(folder, "br.mgmt")}", flows);
        await ovs.RunAsync("ovs-appctl", "-t", ovs.Control, "fdb/add", "br", "vu1", "0", "52:54:00:00:00:01");
        return ovs;
    }

    private string Database => Path.Combine(_folder, "db.sock");

    private string Control => Path.Combine(_folder, "vs.ctl");

    private Task<string> SetAsync(params string[] arguments) => RunAsync("ovs-vsctl", [$"--db=unix:{Database}", "--timeout=30", .. arguments]);

    private Task<string> RunAsync(string program, params string[] arguments) => Tool.OutputAsync(program, arguments, _environment);

    private async Task UntilAsync(string program, params string[] arguments)
    {
        const int tries = 100;
        for (var i = 0; ; i++)
        {
            try
            {
                await RunAsync(program, arguments);
                return;
            }
            catch (InvalidOperationException) when (i < tries)
            {
                await Task.Delay(200);
            }
        }
    }
}
