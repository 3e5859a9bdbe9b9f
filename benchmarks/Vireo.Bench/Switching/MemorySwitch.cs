using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Stages;

namespace Vireo.Bench.Switching;

/// <summary>A switch in memory, with the clock of the machine.</summary>
internal sealed class MemorySwitch
{
    private readonly PolicyCompiler _compiler = new(new StageCatalog(TimeProvider.System));

    /// <summary>The pipeline.</summary>
    public Forwarder Forwarder { get; } = new(TimeProvider.System);

    /// <summary>The switch.</summary>
    public SwitchState Home { get; } = new(Guid.NewGuid(), new MacTable(8192, 300, 0x1234567));

    /// <summary>Adds a port.</summary>
    /// <param name="end">What is behind it.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="trunk">It takes part in VLAN 7, tagged, and in no other.</param>
    public PortState Add(PortBackEnd end, PortPolicySpecification? policy = null, bool trunk = false)
    {
        var settings = trunk
            ? new PortSettings(PortVlanMode.Trunk, 0, [], (policy ?? new PortPolicySpecification()) with { AllowedVlanIds = [7] })
            : new PortSettings(PortVlanMode.Untagged, 0, [], policy);
        var port = new PortState(Guid.NewGuid(), _compiler.Compile(settings, null), end);
        Home.Add(port);
        end.Start(port, Forwarder);
        return port;
    }

    /// <summary>Carries frames from one port to another, a batch in each step; what comes out is thrown away.</summary>
    public static Func<int> Carry(MemorySwitch on, InMemoryPort from, InMemoryPort to, byte[][] frames)
    {
        var next = 0;
        return () =>
        {
            for (var i = 0; i < 32; i++)
            {
                on.Forwarder.Ingress.Add(frames[next]);
                next = next + 1 == frames.Length ? 0 : next + 1;
            }

            from.InjectBatch();
            return to.Drain();
        };
    }

    /// <summary>Measures things in turns.</summary>
    /// <returns>The median of each, in millions of frames a second of the processor.</returns>
    public static double[] InTurns(params Func<int>[] steps)
    {
        const int rounds = 9;
        var figures = steps.Select(_ => new List<double>()).ToArray();
        for (var round = -2; round < rounds; round++)
        {
            for (var i = 0; i < steps.Length; i++)
            {
                var rate = SwitchBenchmark.Measure(steps[i]);
                if (round >= 0)
                {
                    figures[i].Add(rate);
                }
            }
        }

        return [.. figures.Select(Tool.Median)];
    }
}
