using Vireo.Control.Switching;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Pipeline.Flows;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Vhost;

namespace Vireo.Bench;

/// <summary>
/// A switch with two guests' ports that connects to two vhost-user sockets and runs until its input ends: the benchmark starts itself a
/// second time as this, so that it has a processor of its own.
/// </summary>
internal static class ServedPair
{
    /// <summary>The word on the command line.</summary>
    public const string Verb = "serve-pair";

    /// <summary>The word before the sockets with which both ports have a VLAN and <see cref="SwitchBenchmark.Policy"/>.</summary>
    public const string WithPolicies = "--policies";

    /// <summary>Runs it.</summary>
    /// <param name="arguments">Perhaps <see cref="WithPolicies"/>, and the sockets.</param>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        var isGuarded = arguments is [WithPolicies, ..];
        var sockets = isGuarded ? [.. arguments.Skip(1)] : arguments;
        var vlan = isGuarded ? 7 : 0;
        using var reactor = new Reactor("switch-packets", TimeSpan.FromMilliseconds(1));
        var clock = TimeProvider.System;
        var forwarder = new Forwarder(clock);
        var compiler = new PolicyCompiler(new StageCatalog(clock));
        var home = new SwitchState(Guid.NewGuid(), new MacTable(8192, 3600, 0x1234567));
        List<VhostUserBackend> ends = [];
        for (var i = 0; i < sockets.Count; i++)
        {
            var end = new VhostUserPort(1);
            var address = new MacAddress(0x5254_0000_0000 + (ulong)i);
            var policy = compiler.Compile(
                new PortSettings(isGuarded ? PortVlanMode.Access : PortVlanMode.Untagged, vlan, [], isGuarded ? SwitchBenchmark.Policy : null, address), null);
            var port = new PortState(Guid.NewGuid(), i == 0 ? policy : new PortPolicy([new("end", new OneWay()), .. policy.Compiled], policy.Vlans), end);
            await reactor.InvokeAsync(() =>
            {
                home.Add(port);
                end.Start(port, forwarder);
                home.Addresses.Learn(address, (ushort)vlan, port.Slot, forwarder.Now);
            });
            ends.Add(await ConnectAsync(reactor, end, sockets[i]));
        }

        await Console.In.ReadToEndAsync();
        foreach (var end in ends)
        {
            await end.DisposeAsync();
        }

        return 0;
    }

    private static async Task<VhostUserBackend> ConnectAsync(Reactor reactor, VhostUserPort end, string socket)
    {
        const int tries = 300;
        for (var i = 0; ; i++)
        {
            try
            {
                return await VhostUserBackend.ConnectAsync(
                    reactor, end, socket, new VhostUserBackendOptions { RequireSealedMemory = false, Observer = what => Console.Error.WriteLine(what.Message) });
            }
            catch (IOException) when (i < tries)
            {
                await Task.Delay(100);
            }
        }
    }

    /// <summary>What the second guest sends of its own stops here.</summary>
    private sealed class OneWay : IFlowStage
    {
        public string Name => "OneWay";

        public bool Remember(FrameBatch batch, int index, StageDirection direction, ref FlowEntry entry) => true;

        public void Process(FrameBatch batch, StageDirection direction)
        {
            if (direction == StageDirection.Ingress)
            {
                foreach (var index in batch.Live)
                {
                    batch.Drop(index, DropReason.NotConnected);
                }
            }
        }
    }
}
