using System.Globalization;
using Vireo.Testing.Hosts;

namespace Vireo.Bench.Mobility;

/// <summary>The cable between two hosts.</summary>
internal static class Cable
{
    /// <summary>Limits it, each direction on its own.</summary>
    public static async Task LimitAsync(TwoVireoHosts hosts, int megabits)
    {
        foreach (var end in new[] { hosts.First.Network, hosts.Second.Network })
        {
            await Tool.OutputAsync(
                "tc", ["-n", end, "qdisc", "replace", "dev", NetworkLink.Interface, "root", "tbf", "rate", string.Create(CultureInfo.InvariantCulture, $"{megabits}mbit"), "burst", "256k", "latency", "20ms"]);
        }
    }

    /// <summary>Lays another one, without a limit, whose ends have this name.</summary>
    public static async Task LayAsync(TwoVireoHosts hosts, string name)
    {
        await Tool.OutputAsync("ip", ["link", "add", name, "netns", hosts.First.Network, "type", "veth", "peer", "name", name, "netns", hosts.Second.Network]);
        foreach (var end in new[] { hosts.First.Network, hosts.Second.Network })
        {
            await Tool.OutputAsync("ip", ["-n", end, "link", "set", name, "up"]);
        }
    }

    /// <summary>Bytes that both ends have sent.</summary>
    public static async Task<long> SentAsync(TwoVireoHosts hosts)
    {
        var sum = 0L;
        foreach (var end in new[] { hosts.First.Network, hosts.Second.Network })
        {
            // The namespace's own view of /sys.
            sum += long.Parse(
                await Tool.OutputAsync("ip", ["netns", "exec", end, "cat", $"/sys/class/net/{NetworkLink.Interface}/statistics/tx_bytes"]), CultureInfo.InvariantCulture);
        }

        return sum;
    }
}
