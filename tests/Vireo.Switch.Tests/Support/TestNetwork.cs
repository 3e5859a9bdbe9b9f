using System.Diagnostics;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Support;

/// <summary>A network namespace of one test, with its own interfaces and routes.</summary>
internal sealed class TestNetwork : IDisposable
{
    public TestNetwork(string purpose)
    {
        Name = $"vt-{purpose}-{Guid.NewGuid().ToString("N")[..8]}";
        Peer.Run("ip", "netns", "add", Name);
        Ip("link", "set", "lo", "up");
    }

    public string Name { get; }

    /// <summary>Runs <c>ip</c> in it.</summary>
    public string Ip(params string[] arguments) => Peer.Run("ip", ["-n", Name, .. arguments]);

    /// <summary>Runs a program in it, to its end, and fails when that ends badly.</summary>
    public string Run(string program, params string[] arguments) => Peer.Run("ip", ["netns", "exec", Name, program, .. arguments]);

    /// <summary>Starts a program in it.</summary>
    public Process Start(string program, params string[] arguments) => Process.Start(
        new ProcessStartInfo("ip", ["netns", "exec", Name, program, .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;

    /// <summary>Whether an answer comes to a ping, which is sent again and again: one ends early when the kernel has just given up to ask for the address.</summary>
    public bool Pings(string address)
    {
        var begin = Stopwatch.GetTimestamp();
        while (!Ping(address, 1, seconds: 3))
        {
            if (Stopwatch.GetElapsedTime(begin) > TimeSpan.FromMinutes(2))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether an answer comes to one of <paramref name="count"/> pings, sent a fifth of a second apart.</summary>
    public bool Pings(string address, int count) => Ping(address, count, (count / 5) + 2);

    // The exit status is no answer: with a limit it wants every ping answered.
    private bool Ping(string address, int count, int seconds)
    {
        var output = Peer.TryRun("ip", "netns", "exec", Name, "ping", "-c", $"{count}", "-i", "0.2", "-W", "1", "-w", $"{seconds}", address).Output;
        return output.Contains(" received", StringComparison.Ordinal) && !output.Contains(" 0 received", StringComparison.Ordinal);
    }

    /// <summary>Joins two namespaces with a cable.</summary>
    public static void Connect(TestNetwork a, string nameA, TestNetwork b, string nameB)
    {
        Peer.Run("ip", "link", "add", nameA, "netns", a.Name, "type", "veth", "peer", "name", nameB, "netns", b.Name);
        a.Ip("link", "set", nameA, "up");
        b.Ip("link", "set", nameB, "up");
    }

    public void Dispose() => Peer.TryRun("ip", "netns", "del", Name);
}
