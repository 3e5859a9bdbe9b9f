using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Switch.Threads;

namespace Vireo.Switch.Tests.Support;

/// <summary>A switch in memory, whose frames move on the thread of the test unless packet threads are given.</summary>
internal sealed class TestSwitch
{
    public TestSwitch(int capacity = 1024, ulong hashKey = 0x1234_5678_9ABC_DEF1, PacketThreads? threads = null, ManualClock? clock = null)
    {
        Clock = clock ?? new ManualClock();
        Catalog = new StageCatalog(Clock);
        Compiler = new PolicyCompiler(Catalog, Clock);
        Forwarder = threads?.First.Forwarder ?? new Forwarder(Clock);
        Switch = new SwitchState(Guid.NewGuid(), new MacTable(capacity, 300, hashKey), threads: threads?.All.Count ?? 1);
    }

    public ManualClock Clock { get; }

    public StageCatalog Catalog { get; }

    public PolicyCompiler Compiler { get; }

    public Forwarder Forwarder { get; }

    public SwitchState Switch { get; }

    public (InMemoryPort End, PortState Port) AddPort(int vlan = 0, params StageSpecification[] stages)
    {
        var mode = vlan == 0 ? PortVlanMode.Untagged : PortVlanMode.Access;
        return AddPort(Compiler.Compile(new PortSettings(mode, vlan, stages), null));
    }

    /// <summary>A guest's port with a policy; its adapter has the address of <paramref name="station"/>.</summary>
    public (InMemoryPort End, PortState Port) AddGuest(int station, PortPolicySpecification policy, PortVlanMode mode = PortVlanMode.Untagged, int vlan = 0) =>
        AddPort(Compile(station, policy, mode, vlan));

    /// <summary>Compiles a policy of a guest's port that must be valid.</summary>
    public PortPolicy Compile(int station, PortPolicySpecification policy, PortVlanMode mode = PortVlanMode.Untagged, int vlan = 0, PortPolicy? previous = null)
    {
        var settings = new PortSettings(mode, vlan, [], policy, Frames.Station(station));
        Assert.Empty(Compiler.Validate(settings));
        return Compiler.Compile(settings, previous);
    }

    public (InMemoryPort End, PortState Port) AddPort(PortPolicy policy, int frameBytesMax = FrameBatch.FrameBytesMax)
    {
        var end = new InMemoryPort(frameBytesMax: frameBytesMax);
        var port = new PortState(Guid.NewGuid(), policy, end);
        Switch.Add(port);
        end.Start(port, Forwarder);
        return (end, port);
    }
}

/// <summary>A clock that stands still until it is moved.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long _ticks = 10_000_000_000;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(_ticks);

    public void Advance(TimeSpan time) => _ticks += time.Ticks;
}
