using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Switch.Tests.Support;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Pipeline;

public sealed class StageTests
{
    private readonly TestSwitch _switch = new();

    [Fact]
    public void A_pass_through_stage_changes_nothing_between_two_traces()
    {
        var (a, port) = _switch.AddPort(0, Trace(8), new("PassThrough"), Trace(9));
        var (b, _) = _switch.AddPort();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1), length: 60));
        b.Inject(Ethernet(Station(1), Station(2), length: 1514));
        var traces = port.Policy.Stages.OfType<TraceStage>().Select(trace => trace.Read()).ToArray();
        Assert.Equal([60, 1514], traces[0].Select(frame => frame.Length));
        Assert.Equal([StageDirection.Ingress, StageDirection.Egress], traces[0].Select(frame => frame.Direction));
        Assert.Equal(traces[0].Select(Describe), traces[1].Select(Describe));
        Assert.Equal(["VlanAccess", "Trace", "PassThrough", "Trace"], port.Policy.Stages.Select(stage => stage.Name));
    }

    [Fact]
    public void A_fault_stage_loses_its_share_and_the_same_frames_for_the_same_seed()
    {
        List<int> Survivors(double seed)
        {
            var network = new TestSwitch();
            var (a, port) = network.AddPort(0, new StageSpecification("Fault", new Dictionary<string, double> { ["LossPercent"] = 30, ["seed"] = seed }));
            var (b, _) = network.AddPort();
            List<int> survivors = [];
            for (var i = 0; i < 1000; i++)
            {
                a.Inject(Ethernet(Station(2), Station(1)));
                if (b.Drain() == 1)
                {
                    survivors.Add(i);
                }
            }

            Assert.Equal(1000 - survivors.Count, port.Dropped[DropReason.Register("Fault").Id]);
            return survivors;
        }

        var first = Survivors(7);
        Assert.InRange(first.Count, 600, 800);
        Assert.Equal(first, Survivors(7));
        Assert.NotEqual(first, Survivors(8));
    }

    [Fact]
    public void A_delay_stage_holds_frames_in_both_directions_and_keeps_their_order_and_vlan()
    {
        var (a, port) = _switch.AddPort(5, new StageSpecification("Delay", new Dictionary<string, double> { ["Milliseconds"] = 20 }));
        var (b, _) = _switch.AddPort(5);
        var (uplink, _) = _switch.AddPort(PortPolicy.Uplink);
        for (var i = 0; i < 100; i++)
        {
            a.Inject(Ethernet(MacAddress.Broadcast, Station(1), length: 60 + i));
        }

        b.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        uplink.Drain();
        Assert.Equal((0, 0), (a.Drain(), b.Drain()));
        _switch.Clock.Advance(TimeSpan.FromMilliseconds(19));
        Assert.NotEqual(long.MaxValue, _switch.Forwarder.Tick(port));
        Assert.Equal((0, 0), (a.Drain(), b.Drain()));
        _switch.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(long.MaxValue, _switch.Forwarder.Tick(port));
        Assert.Equal(Ethernet(MacAddress.Broadcast, Station(2)), a.TryTake());
        for (var i = 0; i < 100; i++)
        {
            var frame = Ethernet(MacAddress.Broadcast, Station(1), length: 60 + i);
            Assert.Equal(frame, b.TryTake());
            Assert.Equal(Tagged(frame, 5), uplink.TryTake());
        }
    }

    [Fact]
    public void A_new_list_keeps_the_stages_that_did_not_change()
    {
        var (a, port) = _switch.AddPort(0, Trace(8), new("PassThrough"));
        var (b, _) = _switch.AddPort();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        var trace = port.Policy.Stages.OfType<TraceStage>().Single();
        port.Policy = _switch.Compiler.Compile(new PortSettings(PortVlanMode.Access, 9, [Trace(8)]), port.Policy);
        Assert.Same(trace, port.Policy.Stages[1]);
        Assert.Equal(2, port.Policy.Stages.Length);
        b.Drain();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(0, b.Drain());
        Assert.Equal(2, trace.Count);
    }

    [Fact]
    public void Every_fault_of_the_settings_is_reported_at_once()
    {
        var faults = _switch.Compiler.Validate(new PortSettings(PortVlanMode.Access, 4095,
        [
            new("Nonsense"), new("Fault", new Dictionary<string, double> { ["LossPercent"] = 101, ["Colour"] = 1 }),
        ]));
        Assert.Equal(4, faults.Count);
        Assert.Contains(faults, fault => fault.Contains("4095", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("Nonsense", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("101", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("Colour", StringComparison.Ordinal));
    }

    private static StageSpecification Trace(double frames) => new("Trace", new Dictionary<string, double> { ["Frames"] = frames });

    private static (StageDirection, int, ushort, string) Describe(TracedFrame frame) =>
        (frame.Direction, frame.Length, frame.VlanId, Convert.ToHexString(frame.Start));
}
