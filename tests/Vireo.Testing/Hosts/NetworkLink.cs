namespace Vireo.Testing.Hosts;

/// <summary>A cable between two network namespaces, with an address at each end: it can be pulled out and put in again. Gone with either namespace.</summary>
public sealed class NetworkLink
{
    private readonly string _first;
    private readonly string _second;

    private NetworkLink(string first, string second) => (_first, _second) = (first, second);

    /// <summary>Name of the interface at both ends.</summary>
    public const string Interface = "link0";

    /// <summary>Network of both ends.</summary>
    public const string Subnet = "192.0.2.0/24";

    /// <summary>Address of the first end.</summary>
    public const string FirstAddress = "192.0.2.1";

    /// <summary>Address of the second end.</summary>
    public const string SecondAddress = "192.0.2.2";

    /// <summary>Connects two namespaces.</summary>
    public static NetworkLink Connect(string first, string second)
    {
        Peer.Run("ip", "link", "add", Interface, "netns", first, "type", "veth", "peer", "name", Interface, "netns", second);
        foreach (var (name, address) in new[] { (first, FirstAddress), (second, SecondAddress) })
        {
            Peer.Run("ip", "-n", name, "address", "add", $"{address}/24", "dev", Interface);
            Peer.Run("ip", "-n", name, "link", "set", Interface, "up");
        }

        return new NetworkLink(first, second);
    }

    /// <summary>Pulls the cable out: both ends see it.</summary>
    public void Cut() => Peer.Run("ip", "-n", _first, "link", "set", Interface, "down");

    /// <summary>Loses everything that is sent over it, in both directions: nobody is told, the cable looks as if nothing were the matter.</summary>
    public void Silence()
    {
        foreach (var name in new[] { _first, _second })
        {
            Peer.Run(
                "ip", "netns", "exec", name, "nft",
                $"add table inet silence; add chain inet silence in {{ type filter hook input priority 0; }}; add rule inet silence in iifname \"{Interface}\" drop");
        }
    }

    /// <summary>Ends that.</summary>
    public void Speak()
    {
        foreach (var name in new[] { _first, _second })
        {
            Peer.Run("ip", "netns", "exec", name, "nft", "delete table inet silence");
        }
    }

    /// <summary>Puts it in again.</summary>
    public void Mend() => Peer.Run("ip", "-n", _first, "link", "set", Interface, "up");
}
