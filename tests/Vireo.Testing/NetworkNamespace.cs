namespace Vireo.Testing;

/// <summary>A network namespace of one test: a host of its own as far as networks go. Gone when the test ends.</summary>
public sealed class NetworkNamespace : IDisposable
{
    /// <summary>Makes the namespace, with its loopback up.</summary>
    public NetworkNamespace()
    {
        Name = $"vt-{Guid.NewGuid().ToString("N")[..8]}";
        Peer.Run("ip", "netns", "add", Name);
        Run("ip", "link", "set", "lo", "up");
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Runs a program in it.</summary>
    public string Run(params string[] command) => Peer.Run("ip", ["netns", "exec", Name, .. command]);

    /// <summary>Runs a program in it, whatever comes of it.</summary>
    public PeerResult TryRun(params string[] command) => Peer.TryRun("ip", ["netns", "exec", Name, .. command]);

    /// <summary>Ends what still runs in the namespace, then the namespace. A plane that was killed leaves its helpers, as it must.</summary>
    public void Dispose()
    {
        foreach (var process in Peer.TryRun("ip", "netns", "pids", Name).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            Peer.TryRun("kill", "-KILL", process);
        }

        Peer.TryRun("ip", "netns", "delete", Name);
    }
}
