using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Extensions;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tracing;

namespace Vireo.Bench.Switching;

/// <summary>What tracing costs, and what each extension that comes with the switch does, beside a switch without.</summary>
internal sealed class CostPart : ISwitchPart
{
    /// <inheritdoc/>
    public string Name => "cost";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("vireo-bench-").FullName;
        try
        {
            var none = Plain(_ => { });
            var steps = new List<(string What, Func<int> Step)>
            {
                ("tracing ended again", Plain(home => home.Forwarder.Tracer = null)),
                ("a trace that fits nothing", Plain(home => Trace(home, "tcp and port 1"))),
                ("a trace of every frame", Plain(home => Trace(home, null))),
            };
            foreach (var product in Directory.GetDirectories(Path.Combine(Tool.Root, "extensions"), "Vireo.Extensions.*"))
            {
                var name = Path.GetFileName(product);
                steps.Add((name["Vireo.Extensions.".Length..], await WithAsync(Path.Combine(product, "bin", "Release", "net10.0"), Path.Combine(folder, name))));
            }

            var rates = MemorySwitch.InTurns([none, .. steps.Select(one => one.Step)]);
            return [.. steps.Select((one, i) => new Comparison($"64 B, {one.What}", "Mpps", rates[i + 1], "without", rates[0], LessIsBetter: false))];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Trace(MemorySwitch home, string? text)
    {
        if (!TraceFilter.TryParse(text, out var filter, out var fault))
        {
            throw new InvalidOperationException(fault);
        }

        // Nobody reads: what does not fit into the queue is counted as lost.
        home.Forwarder.Tracer = new FrameTracer(TimeProvider.System) { Sessions = [new TraceSession(Guid.NewGuid(), new TraceRequest(Filter: text), filter)] };
    }

    private static Func<int> Plain(Action<MemorySwitch> prepare)
    {
        var home = new MemorySwitch();
        var (from, to) = (new InMemoryPort(1024), new InMemoryPort(1024));
        home.Add(from);
        home.Add(to);
        return Begin(home, from, to, prepare);
    }

    private static Func<int> Begin(MemorySwitch home, InMemoryPort from, InMemoryPort to, Action<MemorySwitch> prepare)
    {
        to.Inject(SwitchBenchmark.Frame(64, to: 1, from: 2));
        from.Drain();
        prepare(home);
        return MemorySwitch.Carry(home, from, to, [SwitchBenchmark.Frame(64, to: 2, from: 1)]);
    }

    private static async Task<Func<int>> WithAsync(string extension, string folder)
    {
        var home = new MemorySwitch();
        var paths = HostPaths.ForRoot(folder);
        Directory.CreateDirectory(paths.State);
        var room = new ExtensionRoom(paths, null, home.Forwarder, TimeProvider.System, new ExtensionLimits { Budget = TimeSpan.FromHours(1) }, () => Task.CompletedTask);
        var package = room.Store.Copy(extension);
        room.Describe(package);
        room.Store.Commit(package);
        room.Use(package);
        var chain = new ExtensionChain(home.Home, "bench", room);
        await chain.ApplyAsync([new SwitchExtensionSpecification(package.Manifest.Id, true)]);
        var (from, to) = (new InMemoryPort(1024), new InMemoryPort(1024));
        foreach (var end in new[] { from, to })
        {
            var port = home.Add(end);
            await chain.JoinAsync(port, new PortFacts(port.Id, SwitchPortKind.Guest, "port", default, []));
            chain.Seated(port);
            await chain.JoinedAsync(port);
        }

        return Begin(home, from, to, _ => { });
    }
}
