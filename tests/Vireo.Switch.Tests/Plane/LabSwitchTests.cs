using Vireo.Switch.Lab;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Plane;

/// <summary>One switch in the foreground, without a host.</summary>
public sealed class LabSwitchTests
{
    [Fact]
    [Requirement("SW-1")]
    public async Task It_carries_frames_between_a_tap_and_a_wire_and_leaves_nothing_behind()
    {
        using var host = new TestNetwork("lab");
        using var remote = new TestNetwork("labwire");
        using var folder = new TempFolder();
        TestNetwork.Connect(host, "cable0", remote, "cable1");
        host.Run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore");
        remote.Ip("address", "add", "10.66.0.1/24", "dev", "cable1");
        using var lab = host.Start(
            "env", $"TMPDIR={folder.Path}", Path.Combine(AppContext.BaseDirectory, "vireo-switch"), "lab", "--packet-threads", "2", "--port", "tap:labtap0", "--port", "packet:cable0", "--port",
            $"vhost-user:{folder["guest.sock"]}", "--port", $"vhost-user:{folder["nobody.sock"]},client");
        try
        {
            var line = "";
            while (line != "ready")
            {
                line = await lab.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(await lab.StandardError.ReadToEndAsync());
            }

            Assert.True(File.Exists(folder["guest.sock"]));
            host.Ip("address", "add", "10.66.0.2/24", "dev", "labtap0");
            Assert.True(remote.Pings("10.66.0.2", 5));
        }
        finally
        {
            Peer.Run("kill", "-TERM", $"{lab.Id}");
        }

        var told = await lab.StandardOutput.ReadToEndAsync();
        await lab.WaitForExitAsync();
        Assert.Equal(0, lab.ExitCode);
        Assert.Contains("labtap0:", told, StringComparison.Ordinal);
        Assert.DoesNotContain("labtap0", host.Ip("-brief", "link"), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("--port")]
    [InlineData("--port nothing:x")]
    [InlineData("--port tap:")]
    [InlineData("--port tap:a,queues=2")]
    [InlineData("--port packet:no-such-card")]
    [InlineData("--port vhost-user:/tmp/x,queues=two")]
    [InlineData("--extension /tmp/x")]
    [InlineData("--speed 10")]
    [InlineData("--port tap:a --packet-threads 0")]
    public void What_cannot_be_read_is_refused_in_a_sentence(string line)
    {
        Assert.False(LabArguments.TryParse(line.Split(' '), out _, out var fault));
        Assert.EndsWith(".", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Ports_and_extensions_are_read_with_their_options()
    {
        string[] line = ["--port", "vhost-user:/tmp/a,client,queues=4,vlan=7", "--extension", "/opt/x", "--port", "tap:t0,vlan=9"];
        Assert.True(LabArguments.TryParse(line, out var asked, out _));
        Assert.Equal(("/tmp/a", true, 4, 7), (asked!.Ports[0].SocketPath, asked.Ports[0].SocketConnects, asked.Ports[0].QueuePairs, asked.Ports[0].AccessVlanId));
        Assert.Equal(("t0", 9), (asked.Ports[1].InterfaceName, asked.Ports[1].AccessVlanId));
        Assert.Equal(["/opt/x"], asked.Extensions);
    }
}
