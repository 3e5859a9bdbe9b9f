namespace Vireo.Bench.Networks;

/// <summary>Three network namespaces: two computers, each with the interface <c>p0</c>, and the place of the switch between them.</summary>
internal sealed class TwoHosts : IDisposable
{
    /// <summary>Address of the interface on the left.</summary>
    public const string LeftMac = "52:54:00:00:01:0a";

    /// <summary>Address of the interface on the right.</summary>
    public const string RightMac = "52:54:00:00:01:0b";

    /// <summary>Network address on the right.</summary>
    public const string RightAddress = "10.99.0.2";

    private readonly string _prefix = $"vb-{Guid.NewGuid().ToString("N")[..6]}";

    private TwoHosts()
    {
    }

    /// <summary>The computer that sends.</summary>
    public string Left => $"{_prefix}-l";

    /// <summary>The computer that receives.</summary>
    public string Right => $"{_prefix}-r";

    /// <summary>Where the switch is, with the ends <c>sa</c> and <c>sb</c> of the cables.</summary>
    public string Middle => $"{_prefix}-s";

    /// <summary>Makes the namespaces.</summary>
    public static async Task<TwoHosts> CreateAsync()
    {
        var hosts = new TwoHosts();
        foreach (var name in new[] { hosts.Left, hosts.Right, hosts.Middle })
        {
            await IpAsync("netns", "add", name);
            await IpAsync("-n", name, "link", "set", "lo", "up");
            await Tool.OutputAsync("ip", ["netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1"]);
        }

        return hosts;
    }

    /// <summary>Lays a cable from each computer to the switch.</summary>
    public async Task WireAsync()
    {
        await IpAsync("link", "add", "p0", "netns", Left, "type", "veth", "peer", "name", "sa", "netns", Middle);
        await IpAsync("link", "add", "p0", "netns", Right, "type", "veth", "peer", "name", "sb", "netns", Middle);
        await IpAsync("-n", Middle, "link", "set", "sa", "up");
        await IpAsync("-n", Middle, "link", "set", "sb", "up");
    }

    /// <summary>Moves a switch's own interfaces to the computers, which then have no cables.</summary>
    public async Task GiveAsync(string left, string right)
    {
        await IpAsync("-n", Middle, "link", "set", left, "netns", Left, "name", "p0");
        await IpAsync("-n", Middle, "link", "set", right, "netns", Right, "name", "p0");
    }

    /// <summary>Gives the computers their addresses.</summary>
    public async Task AddressAsync()
    {
        foreach (var (host, mac, address) in new[] { (Left, LeftMac, "10.99.0.1/24"), (Right, RightMac, $"{RightAddress}/24") })
        {
            await IpAsync("-n", host, "link", "set", "p0", "address", mac);
            await IpAsync("-n", host, "address", "add", address, "dev", "p0");
            await IpAsync("-n", host, "link", "set", "p0", "up");
        }
    }

    /// <summary>Whether the computers leave checksums and cutting to the network.</summary>
    public async Task SetOffloadsAsync(bool on)
    {
        var word = on ? "on" : "off";
        foreach (var (where, name) in new[] { (Left, "p0"), (Right, "p0"), (Middle, "sa"), (Middle, "sb") })
        {
            if ((await Tool.OutputAsync("ip", ["-n", where, "-brief", "link"])).Contains($"{name}", StringComparison.Ordinal))
            {
                // Not every interface has all of these, and says so by its exit status.
                await Tool.OutputAsync("ip", ["netns", "exec", where, "sh", "-c", $"ethtool -K {name} tx {word} gso {word} tso {word} gro {word} 2>&1 || true"]);
            }
        }
    }

    /// <summary>Frames that have come to the computer on the right.</summary>
    public async Task<long> ReceivedAsync() =>
        long.Parse(await Tool.OutputAsync("ip", ["netns", "exec", Right, "cat", "/sys/class/net/p0/statistics/rx_packets"]), System.Globalization.CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var name in new[] { Left, Right, Middle })
        {
            using var process = System.Diagnostics.Process.Start("ip", ["netns", "delete", name]);
            process.WaitForExit();
        }
    }

    private static Task<string> IpAsync(params string[] arguments) => Tool.OutputAsync("ip", arguments);
}
