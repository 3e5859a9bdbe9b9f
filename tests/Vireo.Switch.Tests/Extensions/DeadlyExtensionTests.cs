using System.Globalization;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Extensions;

/// <summary>Extensions that take the whole process with them, in a plane of its own.</summary>
public sealed class DeadlyExtensionTests : IDisposable
{
    private const int FailFast = 0x9007;
    private const int StackOverflow = 0x9008;
    private const int NativeFault = 0x9009;
    private const int OwnThreadThrows = 0x900A;
    private readonly ExtensionFolders _folders = new();
    private readonly TestNetwork _network = new("deadly");

    public void Dispose()
    {
        _network.Dispose();
        _folders.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Requirement("SW-10")]
    public async Task An_extension_that_kills_the_plane_three_times_stays_out(bool failsClosed)
    {
        await using var plane = await PlaneProcess.StartAsync(_network);
        var counting = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("CountingCapture", "Capture")));
        var deadly = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("ManyFaced", "Filter", failsClosed: failsClosed)));
        var asked = new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Internal, Extensions: [new(counting.Id, true), new(deadly.Id, true)]);
        await plane.Client.PutSwitchAsync(asked);
        await AddPortsAsync(plane, asked);

        foreach (var way in failsClosed ? [FailFast, FailFast, FailFast] : (int[])[FailFast, StackOverflow, NativeFault])
        {
            Assert.All(Assert.Single(await plane.Client.ListSwitchesAsync()).Extensions!, one => Assert.True(one.Running, one.Fault));
            await plane.UntilItEndsAsync(() => Send(way));
            await plane.StartAsync();
        }

        // Whoever counted beside it and died with it goes on.
        var status = Assert.Single(await plane.Client.ListSwitchesAsync());
        Assert.Equal([true, false], status.Extensions!.Select(one => one.Running));
        Assert.Equal([true, true], status.Extensions!.Select(one => one.Enabled));
        Assert.Contains("ended 3 times", status.Extensions![1].Fault, StringComparison.Ordinal);
        var events = await plane.Client.ListExtensionEventsAsync(0, CancellationToken.None);
        Assert.Contains(events, one => one.Kind == "ExtensionFailed" && one.ExtensionId == deadly.Id && one.SwitchId == asked.Id && one.Message.Contains("ended 3 times", StringComparison.Ordinal));
        Send(FailFast);
        await Wait.UntilAsync("the frame to be seen", async () =>
        {
            var ports = (await plane.Client.ListSwitchesAsync())[0].Ports;
            var one = ports.Single(port => port.Port.InterfaceName == "one").Statistics;
            return failsClosed
                ? one.Dropped.GetValueOrDefault("ExtensionFailed") > 0
                : ports.Single(port => port.Port.InterfaceName == "two").Statistics.FramesOut > 0;
        });
        Assert.Equal(failsClosed, (await plane.Client.ListSwitchesAsync())[0].Ports.All(port => port.Statistics.FramesOut == 0));

        if (!failsClosed)
        {
            return;
        }

        // To disable and enable it is another try, with as many lives.
        await plane.Client.PutSwitchAsync(asked with { Extensions = [new(counting.Id, true), new(deadly.Id, false)] });
        await plane.Client.PutSwitchAsync(asked);
        await plane.UntilItEndsAsync(() => Send(FailFast));
        await plane.StartAsync();
        Assert.All((await plane.Client.ListSwitchesAsync())[0].Extensions!, one => Assert.True(one.Running, one.Fault));
    }

    [Fact]
    [Requirement("SW-10")]
    public async Task A_switch_that_is_asked_for_again_and_again_comes_without_an_extension_that_dies_at_its_start()
    {
        await using var plane = await PlaneProcess.StartAsync(_network);
        var deadly = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("DiesAtStart", "Capture")));
        var asked = new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Private, Extensions: [new(deadly.Id, true)]);
        for (var times = 0; times < 3; times++)
        {
            await Assert.ThrowsAsync<PlaneUnreachableException>(() => plane.Client.PutSwitchAsync(asked));
            await plane.KillAsync();
            await plane.StartAsync();
        }

        await plane.Client.PutSwitchAsync(asked);
        var status = Assert.Single(Assert.Single(await plane.Client.ListSwitchesAsync()).Extensions!);
        Assert.Equal((true, false), (status.Enabled, status.Running));
        Assert.Contains("ended 3 times", status.Fault, StringComparison.Ordinal);
        Assert.Contains(await plane.Client.ListExtensionEventsAsync(0), one => one.Kind == "ExtensionFailed" && one.SwitchId == asked.Id);
    }

    [Fact]
    [Requirement("SW-10")]
    public async Task An_extension_whose_own_thread_throws_is_cut_off_and_the_plane_lives()
    {
        await using var plane = await PlaneProcess.StartAsync(_network);
        var deadly = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("ManyFaced", "Filter")));
        var asked = new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Internal, Extensions: [new(deadly.Id, true)]);
        await plane.Client.PutSwitchAsync(asked);
        await AddPortsAsync(plane, asked);
        var process = (await plane.Client.GetHealthAsync()).ProcessId;
        Send(OwnThreadThrows);
        await Wait.UntilAsync("the extension to be cut off", async () => !(await plane.Client.ListSwitchesAsync())[0].Extensions![0].Running);
        await Wait.UntilAsync("the reason", async () => (await plane.Client.ListSwitchesAsync())[0].Extensions![0].Fault?.Contains("Its own thread was asked to.", StringComparison.Ordinal) == true);
        Assert.Equal(process, (await plane.Client.GetHealthAsync()).ProcessId);
    }

    private static async Task AddPortsAsync(PlaneProcess plane, SwitchSpecification on)
    {
        await plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), on.Id, PortKind.Tap, null, "one", "02155D000001"));
        await plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), on.Id, PortKind.Tap, null, "two", "02155D000002"));
    }

    private void Send(int etherType)
    {
        var type = etherType.ToString("x4", CultureInfo.InvariantCulture);
        Peer.Run(
            "ip", "netns", "exec", _network.Name, "python3", "-c",
            $"import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('one', 0)); s.send(b'\\xff' * 6 + bytes.fromhex('02155d000001{type}') + b'\\0' * 46)");
    }
}
