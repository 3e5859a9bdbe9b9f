using Vireo.Control.Switching;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Switch.Threads;
using Vireo.Switch.Tracing;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;
using static Vireo.Switch.Tests.Support.Packets;

namespace Vireo.Switch.Tests.Pipeline;

/// <summary>A frame's way is told step by step, with the reason and the rule where it ends.</summary>
public sealed class TraceTests
{
    private readonly TestSwitch _switch = new();

    [Fact]
    [Requirement("SW-11")]
    public void A_frame_tells_its_stages_its_receivers_and_the_rule_that_stopped_it()
    {
        var session = Follow(new TraceRequest());
        var (a, from) = _switch.AddGuest(1, new PortPolicySpecification { SpoofGuard = true });
        PortAclSpecification rule = new(PortAclAction.Deny, PortAclDirection.Inbound, null, "10.0.0.0/24");
        ExtendedAclSpecification extended = new(Allow: false, PortAclDirection.Inbound, 7, LocalPort: "80", Protocol: "TCP");
        var (_, denying) = _switch.AddGuest(2, new PortPolicySpecification { Acls = [rule] });
        var (_, refusing) = _switch.AddGuest(3, new PortPolicySpecification { ExtendedAcls = [extended] });
        var (_, open) = _switch.AddPort();

        a.Inject(Tcp(MacAddress.Broadcast, Station(1), 10));
        var told = Next(session);
        Assert.Equal((TraceDecision.Delivered, from.Id), (told.Decision, told.Port));
        Assert.Equal([open.Id], told.Receivers);
        Assert.Contains("10.0.0.1:5001 > 10.0.0.2:80 TCP", told.Summary, StringComparison.Ordinal);
        Assert.Equal(["VlanAccess", "SpoofGuard", "Lookup"], told.Steps.TakeWhile(step => step.Direction == CaptureDirection.In).Select(step => step.Stage));
        var denied = Assert.Single(told.Steps, step => step.Port == denying.Id && step.Verdict is not null);
        Assert.Equal(("Acl", "AclDenied", "Deny Inbound local ANY remote 10.0.0.0/24"), (denied.Stage, denied.Verdict, denied.Rule));
        var refused = Assert.Single(told.Steps, step => step.Port == refusing.Id && step.Verdict is not null);
        Assert.Equal(("ExtendedAcl", "ExtendedAclDenied"), (refused.Stage, refused.Verdict));
        Assert.Contains("weight 7", refused.Rule, StringComparison.Ordinal);

        a.Inject(Ethernet(Station(9), Station(8)));
        told = Next(session);
        Assert.Equal((TraceDecision.Dropped, "MacSpoofed", "SpoofGuard"), (told.Decision, told.Reason, told.Steps[^1].Stage));
        a.Inject([1, 2, 3]);
        Assert.Equal((TraceDecision.Dropped, "Malformed"), (Next(session).Decision, "Malformed"));
        Assert.Contains("dropped: MacSpoofed at SpoofGuard", TraceText.Table(told, id => id.ToString("D")), StringComparison.Ordinal);
    }

    [Fact]
    [Requirement("SW-11")]
    public void Held_frames_tell_so_and_tell_on_when_they_are_released()
    {
        var session = Follow(new TraceRequest());
        var (a, port) = _switch.AddPort(stages: new StageSpecification("Delay", new Dictionary<string, double> { ["Milliseconds"] = 5 }));
        var (b, _) = _switch.AddPort();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(TraceDecision.Held, Next(session).Decision);
        _switch.Clock.Advance(TimeSpan.FromMilliseconds(6));
        _switch.Forwarder.Tick(port);
        var told = Next(session);
        Assert.Equal((TraceDecision.Delivered, "released by Delay"), (told.Decision, told.Steps[0].Stage));
        Assert.NotNull(b.TryTake());
    }

    [Fact]
    [Requirement("SW-11")]
    public void Frames_that_wait_for_their_share_tell_what_finally_happened()
    {
        _switch.Switch.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        var (a, _) = _switch.AddGuest(1, new PortPolicySpecification { MinimumBandwidthWeight = 5 });
        var (b, to) = _switch.AddPort(PortPolicy.Uplink);
        b.Speed = 8_000_000;
        _switch.Switch.PoliciesChanged();
        b.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        a.Drain();
        var session = Follow(new TraceRequest());
        var sent = 0;
        while (session.Status.Frames == sent)
        {
            a.Inject(Ethernet(Station(2), Station(1), length: 1500));
            sent++;
        }

        // The last one waits: nothing is told of it before it has left, even if another session begins meanwhile.
        for (var i = 1; i < sent; i++)
        {
            Assert.Equal(TraceDecision.Delivered, Next(session).Decision);
        }

        a.Inject(Ethernet(Station(2), Station(1), length: 1500));
        _switch.Forwarder.Tracer = new FrameTracer(_switch.Clock, _switch.Forwarder.Tracer) { Sessions = [new TraceSession(Guid.NewGuid(), new TraceRequest(), TraceFilter.Any), session] };
        Assert.Equal(sent - 1, session.Status.Frames);
        b.Drain();
        var tries = 0;
        while (session.Status.Frames < sent)
        {
            _switch.Clock.Advance(TimeSpan.FromMilliseconds(1));
            _switch.Forwarder.Tick(to);
            Assert.InRange(++tries, 1, 1000);
        }

        var told = Next(session);
        Assert.Equal((TraceDecision.Delivered, to.Id), (told.Decision, Assert.Single(told.Receivers)));
        Assert.Equal(["Held", null], told.Steps.Where(step => step.Stage is "MinimumBandwidth" or "Port").Select(step => step.Verdict));

        // The other one never gets there.
        _switch.Switch.Remove(to);
        _switch.Forwarder.Forget(to);
        told = Next(session);
        Assert.Equal((TraceDecision.Dropped, "NotConnected"), (told.Decision, told.Reason));
    }

    [Fact]
    [Requirement("SW-11")]
    public async Task Frames_are_dotnet_events_while_somebody_listens()
    {
        using var reactor = new Reactor("test-packets");
        var (a, from) = _switch.AddGuest(1, new PortPolicySpecification { SpoofGuard = true });
        _switch.AddPort();
        var traces = new TraceSessions(PacketThreads.Of(reactor, _switch.Forwarder), TimeProvider.System, id => id == from.Id ? "guest" : "other");
        Assert.Null(SwitchEventSource.Log.ConstructionException);

        // Whoever comes while the feed begins, or goes and comes again, gets what it asked for and nothing else.
        for (var round = 0; round < 20; round++)
        {
            await using var feed = new TraceEventFeed(traces, id => id == from.Id ? "guest" : "other", Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
            using var listener = new Listener("tcp or ether 0x88B5");
            await Wait.UntilAsync("the trace", () => reactor.InvokeAsync(() => _switch.Forwarder.Tracer is not null));
            await reactor.InvokeAsync(() =>
            {
                a.Inject(Arp(Station(1), "10.0.0.1", "10.0.0.2"));
                a.Inject(Tcp(MacAddress.Broadcast, Station(1), 10));
                a.Inject(Ethernet(Station(9), Station(8)));
            });
            await Wait.UntilAsync("two events", () => listener.Heard.Count >= 2);
            Assert.Equal(["guest Delivered ", "guest Dropped MacSpoofed"], listener.Heard.Select(frame => $"{frame["port"]} {frame["decision"]} {frame["reason"]}"));
            Assert.Contains("SpoofGuard", (string)listener.Heard.Last()["way"]!, StringComparison.Ordinal);
            listener.DisableEvents(SwitchEventSource.Log);
            await Wait.UntilAsync("the end of the trace", () => traces.List().Count == 0);
        }
    }

    [Fact]
    [Requirement("SW-11")]
    public void Sessions_get_what_they_asked_for_and_no_more_than_they_can_take()
    {
        var (a, _) = _switch.AddPort();
        var (_, far) = _switch.AddPort();
        var (_, other) = _switch.AddPort(vlan: 5);
        var drops = new TraceSession(Guid.NewGuid(), new TraceRequest(DropsOnly: true), TraceFilter.Any);
        var ports = new TraceSession(Guid.NewGuid(), new TraceRequest(Ports: [other.Id]), TraceFilter.Any);
        Assert.True(TraceFilter.TryParse("ether 0x88B5 and not broadcast", out var filter, out _));
        var some = new TraceSession(Guid.NewGuid(), new TraceRequest("…"), filter);
        _switch.Forwarder.Tracer = new FrameTracer(_switch.Clock) { Sessions = [drops, ports, some] };
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        a.Inject(Ethernet(Station(7), Station(1)));
        a.Inject(Ethernet(new MacAddress(0x0180_C200_0000), Station(1)));
        Assert.Equal((1, 0, 2), (drops.Status.Frames, ports.Status.Frames, some.Status.Frames));
        Assert.Equal("LinkLocal", Next(drops).Reason);
        for (var i = 0; i < 5000; i++)
        {
            a.Inject(Ethernet(Station(7), Station(1)));
        }

        Assert.Equal(5002, some.Status.Frames + some.Status.Lost);
        Assert.True(some.Status.Lost > 0);
        Assert.Equal(5002, far.FramesOut + Policies.GuardTests.Dropped(far, "QueueFull"));
    }

    [Theory]
    [InlineData("tcp and dst port 80", true)]
    [InlineData("tcp port 80", false, "and")]
    [InlineData("src host 10.0.0.1 and dst 10.0.0.0/24", true)]
    [InlineData("host 10.0.0.3 or (ip and not udp)", true)]
    [InlineData("src port 80 or arp or ip6 or icmp or icmp6 or vlan 3 or multicast", false)]
    [InlineData("host 02-15-5D-00-00-01", true)]
    [InlineData("not not ether 2048", true)]
    [InlineData("port", false, "number")]
    [InlineData("port 70000", false, "70000")]
    [InlineData("(tcp", false, "parenthesis")]
    [InlineData("host nobody", false, "nobody")]
    [InlineData("bananas", false, "bananas")]
    [InlineData("tcp and", false, "ends")]
    [Requirement("SW-11")]
    public void A_filter_says_what_fits_or_what_is_wrong_with_it(string text, bool fits, string? fault = null)
    {
        var batch = new FrameBatch();
        var index = batch.Add(Tcp(Station(2), Station(1), 10));
        Assert.True(FrameParser.TryParse(batch.Bytes(index), HeaderDepth.Network, out var headers));
        batch[index].Headers = headers;
        Assert.Equal(fault is null, TraceFilter.TryParse(text, out var filter, out var said));
        if (fault is null)
        {
            Assert.Equal(fits, filter.Fits(FrameFacts.Of(batch, index)));
        }
        else
        {
            Assert.Contains(fault, said, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Requirement("SW-11")]
    public async Task A_capture_opens_in_tshark_with_interfaces_directions_and_verdicts_and_rotates()
    {
        using var folder = new TempFolder();
        var (a, from) = _switch.AddGuest(1, new PortPolicySpecification { SpoofGuard = true }, PortVlanMode.Access, 7);
        var (_, to) = _switch.AddPort(PortPolicy.Uplink);
        var request = new CaptureRequest(folder["way.pcapng"], FileBytes: 4096, Files: 2, Text: true);
        var session = new TraceSession(Guid.NewGuid(), new TraceRequest(Capture: request), TraceFilter.Any);
        _switch.Forwarder.Tracer = new FrameTracer(_switch.Clock) { Sessions = [session] };
        var names = new Dictionary<Guid, string> { [from.Id] = "guest", [to.Id] = "uplink" };
        a.Inject(Tcp(MacAddress.Broadcast, Station(1), 10));
        a.Inject(Ethernet(Station(3), Station(2)));
        session.Complete();
        using (var files = new CaptureFiles(request, id => names[id]))
        {
            files.Open();
            await files.RunAsync(session);
        }

        string[] fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.comment", "vlan.id"];
        var seen = Peer.Run("tshark", ["-r", request.Path, "-T", "fields", .. fields.SelectMany(field => new[] { "-e", field })]);
        var lines = seen.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(request.Path));
        Assert.Equal("guest\t0x00000001\tguest in: delivered to uplink\t", lines[0].PadRight(0));
        Assert.Equal("uplink\t0x00000002\tuplink out: delivered, from guest\t7", lines[1]);
        Assert.Contains("dropped: MacSpoofed at SpoofGuard of guest", lines[2], StringComparison.Ordinal);
        Assert.Contains("dropped: MacSpoofed", File.ReadAllText(folder["way.txt"]), StringComparison.Ordinal);

        // Many more: only the last files stay, each whole.
        var more = new TraceSession(Guid.NewGuid(), new TraceRequest(Capture: request), TraceFilter.Any);
        _switch.Forwarder.Tracer = new FrameTracer(_switch.Clock) { Sessions = [more] };
        for (var i = 0; i < 40; i++)
        {
            a.Inject(Tcp(MacAddress.Broadcast, Station(1), 1000));
        }

        more.Complete();
        using (var files = new CaptureFiles(request, id => names[id]))
        {
            files.Open();
            await files.RunAsync(more);
        }

        var left = Directory.GetFiles(folder.Path, "*.pcapng");
        Assert.Equal(2, left.Length);
        Assert.All(left, file => Assert.NotEmpty(Peer.Run("tshark", ["-r", file, "-T", "fields", "-e", "frame.len"])));
    }

    private sealed class Listener : System.Diagnostics.Tracing.EventListener
    {
        public Listener(string filter) => EnableEvents(
            SwitchEventSource.Log, System.Diagnostics.Tracing.EventLevel.Informational, System.Diagnostics.Tracing.EventKeywords.All, new Dictionary<string, string?> { ["Filter"] = filter });

        public System.Collections.Concurrent.ConcurrentQueue<Dictionary<string, object?>> Heard { get; } = new();

        protected override void OnEventWritten(System.Diagnostics.Tracing.EventWrittenEventArgs eventData)
        {
            if (eventData.EventSource.Name == SwitchEventSource.SourceName)
            {
                Heard.Enqueue(eventData.PayloadNames!.Zip(eventData.Payload!).ToDictionary(pair => pair.First, pair => pair.Second));
            }
        }
    }

    private TraceSession Follow(TraceRequest request)
    {
        var session = new TraceSession(Guid.NewGuid(), request, TraceFilter.Any);
        _switch.Forwarder.Tracer = new FrameTracer(_switch.Clock) { Sessions = [session] };
        return session;
    }

    private static FrameReport Next(TraceSession session)
    {
        Assert.True(session.Traces.TryRead(out var trace));
        return trace.ToReport();
    }
}
