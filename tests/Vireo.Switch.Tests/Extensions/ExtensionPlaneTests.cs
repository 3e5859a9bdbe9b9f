using System.Text.Json;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;

namespace Vireo.Switch.Tests.Extensions;

/// <summary>Extensions in a plane of its own that is killed.</summary>
public sealed class ExtensionPlaneTests : IDisposable
{
    private readonly ExtensionFolders _folders = new();
    private readonly TestNetwork _network = new("ext");

    public void Dispose()
    {
        _network.Dispose();
        _folders.Dispose();
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task Extensions_come_back_with_their_settings_when_the_plane_is_killed()
    {
        await using var plane = await PlaneProcess.StartAsync(_network);
        var counting = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("CountingCapture", "Capture")));
        var filter = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("ManyFaced", "Filter")));
        var asked = new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Internal, Extensions:
        [
            new(filter.Id, true), new(counting.Id, true, [new(counting.Id, counting.Features[0].Id, JsonDocument.Parse("""{"Limit":42}""").RootElement)]),
        ]);
        await plane.Client.PutSwitchAsync(asked);
        await plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), asked.Id, PortKind.Tap, null, "inside0", "02155D000001"));
        await plane.KillAsync();
        await plane.StartAsync();
        var status = Assert.Single(await plane.Client.ListSwitchesAsync());
        Assert.All(status.Extensions!, one => Assert.True(one.Running, one.Fault));
        Assert.Equal([filter.Id, counting.Id], status.Extensions!.Select(one => one.ExtensionId));
        Assert.Equal(["CountingCapture", "ManyFaced"], status.Ports[0].Stages.TakeLast(2));
        Assert.Equal(42, Assert.Single(await plane.Client.GetSwitchDataAsync(asked.Id)).Data.GetProperty("Limit").GetInt32());

        var inUse = await Assert.ThrowsAsync<ControlException>(() => plane.Client.RemoveExtensionAsync(filter.Id));
        Assert.Equal("ObjectInUse", inUse.Error.ErrorId);
        await plane.Client.PutSwitchAsync(asked with { Extensions = [] });
        await plane.Client.RemoveExtensionAsync(filter.Id);
        Assert.DoesNotContain(await plane.Client.ListExtensionsAsync(), one => one.Id == filter.Id);
    }

    [Fact]
    [Requirement("SW-10")]
    public async Task A_plane_that_an_extension_holds_ends_and_comes_back_without_it()
    {
        await using var plane = await PlaneProcess.StartAsync(_network);
        var counting = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("CountingCapture", "Capture")));
        var filter = await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("ManyFaced", "Filter")));
        var asked = new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Internal, Extensions: [new(counting.Id, true), new(filter.Id, true)]);
        await plane.Client.PutSwitchAsync(asked);
        await plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), asked.Id, PortKind.Tap, null, "one", "02155D000001"));
        await plane.Client.PutPortAsync(new PortSpecification(Guid.NewGuid(), asked.Id, PortKind.Tap, null, "two", "02155D000002"));
        _network.Ip("addr", "add", "10.9.0.1/24", "dev", "one");
        await plane.UntilItEndsAsync(() => Peer.TryRun(
            "ip", "netns", "exec", _network.Name, "python3", "-c",
            "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('one', 0)); s.send(b'\\xff' * 6 + bytes.fromhex('02155d000001') + b'\\x90\\x05' + b'\\0' * 46)"));
        await plane.StartAsync();
        var status = Assert.Single(await plane.Client.ListSwitchesAsync());
        Assert.Equal([true, false], status.Extensions!.Select(one => one.Running));
        Assert.Contains("did not come back from a frame", status.Extensions![1].Fault, StringComparison.Ordinal);
        Assert.Equal(["one", "two"], status.Ports.Select(port => port.Port.InterfaceName).Order());

        // A new version is another try.
        await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("ManyFaced", "Filter", filter.Id, "1.0.1")));
        Assert.All((await plane.Client.ListSwitchesAsync())[0].Extensions!, one => Assert.True(one.Running, one.Fault));
    }

    [Theory]
    [InlineData("switch.extension.copied", "1.0.0")]
    [InlineData("switch.extension.committed", "2.0.0")]
    [Requirement("SW-9")]
    public async Task An_installation_cut_by_a_power_loss_leaves_the_old_version_or_the_new_one(string point, string left)
    {
        var id = Guid.NewGuid();
        await using var plane = await PlaneProcess.StartAsync(_network, $"{point}:2");
        await plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("CountingCapture", "Capture", id)));
        await plane.Client.PutSwitchAsync(new SwitchSpecification(Guid.NewGuid(), "inside", SwitchKind.Private, Extensions: [new(id, true)]));
        await Assert.ThrowsAsync<PlaneUnreachableException>(
            () => plane.Client.InstallExtensionAsync(new InstallExtension(_folders.Make("CountingCapture", "Capture", id, "2.0.0"))));
        await plane.KillAsync();
        await plane.StartAsync();
        Assert.Equal(left, (await plane.Client.ListExtensionsAsync()).Single(one => one.Id == id).Version);
        var status = Assert.Single((await plane.Client.ListSwitchesAsync())[0].Extensions!);
        Assert.Equal((true, left), (status.Running, status.Version));
    }
}
