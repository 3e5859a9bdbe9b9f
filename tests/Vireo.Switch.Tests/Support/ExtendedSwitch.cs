using System.Text.Json;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Platform.Events;
using Vireo.Switch.Extensions;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Tests.Support;

/// <summary>A switch in memory with extensions; frames move on the thread of the test unless a reactor or packet threads are given.</summary>
internal sealed class ExtendedSwitch : IAsyncDisposable
{
    private readonly ExtensionFolders _folders = new();

    public ExtendedSwitch(Reactor? reactor = null, ExtensionLimits? limits = null, PacketThreads? threads = null)
    {
        Network = new TestSwitch(threads: threads);
        threads ??= reactor is null ? null : PacketThreads.Of(reactor, Network.Forwarder);
        Room = new ExtensionRoom(new HostPaths(Path.Combine(_folders.Root, "state"), _folders.Root), threads, Network.Forwarder, Network.Clock, limits ?? new ExtensionLimits(), () => Task.CompletedTask);
        Directory.CreateDirectory(Path.Combine(_folders.Root, "state"));
        Chain = new ExtensionChain(Network.Switch, "test", Room);
    }

    public TestSwitch Network { get; }

    public ExtensionRoom Room { get; }

    public ExtensionChain Chain { get; }

    /// <summary>Installs one of the test extensions.</summary>
    public ExtensionPackage Install(string type, string kind, Guid? id = null, string version = "1.0.0", bool failsClosed = false)
    {
        var package = Room.Store.Copy(_folders.Make(type, kind, id, version, failsClosed));
        Room.Describe(package);
        Assert.Null(package.Fault);
        Room.Store.Commit(package);
        Room.Use(package);
        return package;
    }

    /// <summary>Installs a product.</summary>
    public ExtensionPackage InstallFrom(string folder)
    {
        var package = Room.Store.Copy(folder);
        Room.Describe(package);
        Assert.Null(package.Fault);
        Room.Store.Commit(package);
        Room.Use(package);
        return package;
    }

    /// <summary>Enables extensions in this order, and no others.</summary>
    public Task EnableAsync(params ExtensionPackage[] packages) => Chain.ApplyAsync([.. packages.Select(one => new SwitchExtensionSpecification(one.Manifest.Id, true))]);

    public async Task<(InMemoryPort End, PortState Port)> AddPortAsync(PortPolicy? policy = null, params ExtensionFeatureSpecification[] features)
    {
        var end = new InMemoryPort(frameBytesMax: FrameBatch.FrameBytesMax);
        var port = new PortState(Guid.NewGuid(), policy ?? Network.Compiler.Compile(new PortSettings(PortVlanMode.Untagged, 0, []), null), end);
        await Chain.JoinAsync(port, Facts(port, features));
        Network.Switch.Add(port);
        Chain.Seated(port);
        await Chain.JoinedAsync(port);
        end.Start(port, Network.Forwarder);
        return (end, port);
    }

    public static PortFacts Facts(PortState port, params ExtensionFeatureSpecification[] features) => new(port.Id, SwitchPortKind.Guest, "port", default, features);

    public static ExtensionFeatureSpecification Feature(ExtensionPackage package, string feature, string json) =>
        new(package.Manifest.Id, Guid.Parse(feature), JsonDocument.Parse(json).RootElement);

    /// <summary>What an extension tells, as JSON.</summary>
    public async Task<JsonElement> DataAsync(ExtensionPackage package, Guid? port = null) =>
        (await Chain.DataAsync(port))!.Single(item => item.ExtensionId == package.Manifest.Id).Data;

    public async ValueTask DisposeAsync()
    {
        await Chain.StopAsync();
        Room.Dispose();
        _folders.Dispose();
    }
}
