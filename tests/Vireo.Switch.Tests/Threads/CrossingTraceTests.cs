using Vireo.Control.Switching;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Switch.Threads;
using Vireo.Switch.Tracing;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Threads;

public sealed class CrossingTraceTests
{
    [Fact]
    [Requirement("SW-11")]
    [Requirement("IO-3")]
    public async Task A_trace_travels_with_its_frame_and_is_told_once()
    {
        var clock = new ManualClock();
        using var threads = await PacketThreads.StartAsync(3, clock);
        var network = new TestSwitch(threads: threads, clock: clock);
        var ports = Enumerable.Range(1, 3).Select(station => network.AddGuest(station, new PortPolicySpecification { SpoofGuard = true })).ToList();
        await threads.MoveAsync([.. ports.Select((port, place) => (port.Port, threads.All[place]))]);
        var traces = new TraceSessions(threads, clock, id => id.ToString("D"));
        var session = await traces.FollowAsync(new TraceRequest());
        await threads.StopAsync(() =>
        {
            ports[0].End.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
            threads.EmptyRings();
            ports[1].End.Inject(Ethernet(Station(1), Station(2)));
            threads.EmptyRings();

            // A ring that is full: the frames behind it end here.
            for (var i = 0; i <= CrossingRing.Places; i++)
            {
                ports[2].End.Inject(Ethernet(Station(1), Station(3)));
            }

            threads.EmptyRings();
        });
        var flood = await NextAsync(session);
        Assert.Equal((TraceDecision.Delivered, ports[0].Port.Id), (flood.Decision, flood.Port));
        Assert.Equal(new[] { ports[1].Port.Id, ports[2].Port.Id }.Order(), flood.Receivers.Order());
        var answer = await NextAsync(session);
        Assert.Equal([ports[0].Port.Id], answer.Receivers);
        Assert.Equal(
            [(ports[1].Port.Id, "SpoofGuard"), (ports[1].Port.Id, "Lookup"), (ports[0].Port.Id, "SpoofGuard")],
            answer.Steps.Where(step => step.Stage is "SpoofGuard" or "Lookup").Select(step => (step.Port, step.Stage)));

        // What the ring had no room for, and then the port.
        var dropped = 0;
        for (var i = 0; i <= CrossingRing.Places; i++)
        {
            var told = await NextAsync(session);
            Assert.Contains((told.Decision, told.Reason), new[] { (TraceDecision.Delivered, (string?)null), (TraceDecision.Dropped, "QueueFull") });
            dropped += told.Decision == TraceDecision.Dropped ? 1 : 0;
        }

        var (end, port) = ports[0];
        Assert.InRange(dropped, 1, CrossingRing.Places);
        Assert.Equal(dropped, port.RefusedCrossings + port.Dropped[DropReason.QueueFull.Id]);
        Assert.Equal(CrossingRing.Places + 2 - dropped, end.Drain());
        await traces.EndAsync(session.Id);
        Assert.False(session.Traces.TryRead(out _));
        await threads.StopTimersAsync();
    }

    private static async Task<FrameReport> NextAsync(TraceSession session) =>
        (await session.Traces.ReadAsync(new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token)).ToReport();
}
