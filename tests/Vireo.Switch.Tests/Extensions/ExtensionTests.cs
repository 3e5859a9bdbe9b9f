using System.Runtime.CompilerServices;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Extensions;
using Vireo.Switch.Sdk;
using Vireo.Switch.Tests.Support;
using Vireo.Testing;
using static Vireo.Switch.Tests.Support.Frames;

namespace Vireo.Switch.Tests.Extensions;

public sealed class ExtensionTests : IAsyncDisposable
{
    private const string Settings = "11111111-0000-0000-0000-000000000001";
    private const string PortSettings = "11111111-0000-0000-0000-000000000002";
    private readonly ExtendedSwitch _switch = new();

    public ValueTask DisposeAsync() => _switch.DisposeAsync();

    [Fact]
    [Requirement("SW-8")]
    public async Task A_capture_extension_sees_each_frame_where_it_enters_and_where_it_leaves()
    {
        var counting = _switch.Install("CountingCapture", "Capture");
        await _switch.EnableAsync(counting);
        var (a, portA) = await _switch.AddPortAsync();
        var (b, portB) = await _switch.AddPortAsync();
        var (c, _) = await _switch.AddPortAsync();
        a.Inject(Packets.Udp(MacAddress.Broadcast, Station(1), "10.0.0.1", "10.0.0.255", 1, 7777));
        b.Inject(Ethernet(Station(1), Station(2)));
        Assert.Equal((1, 1, 1), (a.Drain(), b.Drain(), c.Drain()));
        var counts = await _switch.DataAsync(counting);
        Assert.Equal(5, counts.GetProperty("Frames").GetInt64());
        Assert.Equal(3, counts.GetProperty("Marked").GetInt64());
        Assert.Equal(2, (await _switch.DataAsync(counting, portA.Id)).GetProperty("Frames").GetInt64());
        Assert.Equal(2, (await _switch.DataAsync(counting, portB.Id)).GetProperty("Frames").GetInt64());
        var status = Assert.Single(_switch.Chain.Describe());
        Assert.Equal((true, 5L, 0L), (status.Running, status.Statistics.Frames, status.Statistics.Dropped));
        Assert.True(status.Statistics.Nanoseconds > 0);
    }

    [Fact]
    [Requirement("SW-8")]
    public async Task A_filter_extension_drops_changes_and_answers()
    {
        var filter = _switch.Install("ManyFaced", "Filter");
        await _switch.EnableAsync(filter);
        var (a, port) = await _switch.AddPortAsync();
        var (b, _) = await _switch.AddPortAsync();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1), 0x9001));
        Assert.Null(b.TryTake());
        Assert.Equal(1, port.Dropped[DropReason.Register("Unwanted").Id]);
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1), 0x9002));
        Assert.Equal(0x5A, b.TryTake()![14]);
        var question = Ethernet(MacAddress.Broadcast, Station(1), 0x9003);
        a.Inject(question);
        _switch.Chain.Running.Single().DrainInjected();
        Assert.Equal(question, a.TryTake());
        Assert.Null(b.TryTake());
        var statistics = _switch.Chain.Describe()[0].Statistics;
        Assert.Equal((2L, 1L), (statistics.Dropped, statistics.Injected));
    }

    [Fact]
    [Requirement("SW-8")]
    public async Task A_forwarding_extension_decides_in_place_of_the_lookup_and_there_is_one()
    {
        var forwarding = _switch.Install("ByNumber", "Forwarding");
        var another = _switch.Install("ByNumber", "Forwarding");
        await _switch.EnableAsync(forwarding);
        var (a, portA) = await _switch.AddPortAsync();
        var (b, _) = await _switch.AddPortAsync();
        var (c, _) = await _switch.AddPortAsync();

        void Send(byte number, int to = 9) => a.Inject(Ethernet(Station(to), Station(1), payload: [number]));
        Send(3);
        Assert.Equal((0, 0, 1), (a.Drain(), b.Drain(), c.Drain()));
        Send(0);
        Assert.Equal((0, 1, 1), (a.Drain(), b.Drain(), c.Drain()));
        c.Inject(Ethernet(Station(1), Station(3), payload: [254]));
        Assert.Equal((1, 1, 0), (a.Drain(), b.Drain(), c.Drain()));
        Send(255, to: 3);
        Assert.Equal((0, 0, 1), (a.Drain(), b.Drain(), c.Drain()));
        Send(253);
        Send(77);
        Send(1);
        Assert.Equal((0, 0, 0), (a.Drain(), b.Drain(), c.Drain()));
        Assert.Equal(1, portA.Dropped[DropReason.Register("ByNumberRefused").Id]);
        Assert.Equal(2, portA.Dropped[DropReason.Register("NotForwarded").Id]);

        var refusal = await Assert.ThrowsAsync<ControlException>(() => _switch.EnableAsync(forwarding, another));
        Assert.Contains("one forwarding extension", refusal.Message, StringComparison.Ordinal);
        Send(252, to: 3);
        await _switch.Chain.TakeOutFailedAsync();
        Send(2, to: 3);
        Assert.Equal((0, 0, 2), (a.Drain(), b.Drain(), c.Drain()));
        await _switch.EnableAsync(another);
        Send(2, to: 3);
        Assert.Equal((0, 1, 0), (a.Drain(), b.Drain(), c.Drain()));
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task Extensions_stand_in_the_order_asked_with_capture_next_to_the_port()
    {
        var capture = _switch.Install("CountingCapture", "Capture");
        var filter = _switch.Install("ManyFaced", "Filter");
        var firewall = _switch.Install("WebOnly", "Firewall");
        await _switch.EnableAsync(firewall, filter, capture);
        var (a, port) = await _switch.AddPortAsync();
        Assert.Equal(["VlanAccess", "CountingCapture", "WebOnly", "ManyFaced"], port.Policy.Stages.Select(stage => stage.Name));
        await _switch.EnableAsync(filter, firewall);
        Assert.Equal(["VlanAccess", "ManyFaced", "WebOnly"], port.Policy.Stages.Select(stage => stage.Name));
        port.Policy = _switch.Network.Compiler.Compile(new Vireo.Switch.Pipeline.PortSettings(PortVlanMode.Access, 5, []), port.Policy);
        Assert.Equal(["VlanAccess", "ManyFaced", "WebOnly"], port.Policy.Stages.Select(stage => stage.Name));
        await _switch.EnableAsync();
        Assert.Equal(["VlanAccess"], port.Policy.Stages.Select(stage => stage.Name));
        Assert.Equal(0, a.Drain());
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task Settings_are_typed_checked_and_can_be_refused()
    {
        var counting = _switch.Install("CountingCapture", "Capture");
        Assert.Equal(["Counting", "Counting of a port"], counting.Declared.Features.Select(feature => feature.Name));
        Assert.Equal(10, counting.Declared.Features[0].Default!.Value.GetProperty("Limit").GetInt32());
        Task Set(string json) => _switch.Chain.ApplyAsync([new(counting.Manifest.Id, true, [ExtendedSwitch.Feature(counting, Settings, json)])]);
        await Set("""{"Limit":7}""");
        Assert.Equal(7, (await _switch.DataAsync(counting)).GetProperty("Limit").GetInt32());
        var refusal = await Assert.ThrowsAsync<ControlException>(() => Set("""{"Limit":101}"""));
        Assert.Contains("above 100", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ControlException>(() => Set("""{"Limit":"many"}"""));
        Assert.Equal(7, (await _switch.DataAsync(counting)).GetProperty("Limit").GetInt32());
        var (_, port) = await _switch.AddPortAsync(null, ExtendedSwitch.Feature(counting, PortSettings, """{"Limit":3}"""));
        Assert.Equal(3, (await _switch.DataAsync(counting, port.Id)).GetProperty("Limit").GetInt32());
        await _switch.Chain.ChangeAsync(port, ExtendedSwitch.Facts(port, ExtendedSwitch.Feature(counting, PortSettings, """{"Limit":4}""")));
        Assert.Equal(4, (await _switch.DataAsync(counting, port.Id)).GetProperty("Limit").GetInt32());
        await _switch.Chain.ChangeAsync(port, ExtendedSwitch.Facts(port));
        Assert.Equal(-1, (await _switch.DataAsync(counting, port.Id)).GetProperty("Limit").GetInt32());
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task Extensions_learn_what_happens_and_may_refuse_it()
    {
        var counting = _switch.Install("CountingCapture", "Capture");
        Task Refuse(string? what) => _switch.Chain.ApplyAsync([new(counting.Manifest.Id, true, [ExtendedSwitch.Feature(counting, Settings, $$"""{"Refuses":{{(what is null ? "null" : $"\"{what}\"")}}}""")])]);
        await Refuse(null);
        var (_, port) = await _switch.AddPortAsync();
        await _switch.Chain.LookAtPortsAsync();
        Assert.True(await _switch.Chain.NotifyAsync(port.Id, StateChangeKind.MachineStarted, "the virtual machine to start"));
        await Refuse("MachineMigrating");
        var refusal = await Assert.ThrowsAsync<ControlException>(() => _switch.Chain.NotifyAsync(port.Id, StateChangeKind.MachineMigrating, "the virtual machine to migrate"));
        Assert.Contains("does not allow the virtual machine to migrate: its settings say so.", refusal.Message, StringComparison.Ordinal);
        await Refuse("MachineStopped");
        Assert.True(await _switch.Chain.NotifyAsync(port.Id, StateChangeKind.MachineStopped, "the virtual machine to end"));
        await Refuse("PortCreated");
        await Assert.ThrowsAsync<ControlException>(() => _switch.AddPortAsync());
        Assert.Single(_switch.Network.Switch.Ports);
        _switch.Network.Switch.Remove(port);
        await _switch.Chain.LeaveAsync(port);
        var changes = (await _switch.DataAsync(counting)).GetProperty("Changes").EnumerateArray().Select(one => one.GetString());
        Assert.Equal(["PortCreated", "AdapterConnected", "MachineStarted", "MachineStopped", "PortRemoved"], changes);
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task What_an_extension_keeps_of_a_port_goes_along_to_another_switch()
    {
        var id = Guid.NewGuid();
        var counting = _switch.Install("CountingCapture", "Capture", id);
        await _switch.EnableAsync(counting);
        var (a, port) = await _switch.AddPortAsync();
        for (var i = 0; i < 12; i++)
        {
            a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        }

        var kept = await _switch.Chain.SaveAsync(port.Id);
        await using var other = new ExtendedSwitch();
        var elsewhere = other.Install("CountingCapture", "Capture", id);
        await other.EnableAsync(elsewhere);
        var (_, arrived) = await other.AddPortAsync();
        Assert.True(await other.Chain.RestoreAsync(arrived.Id, kept!));
        Assert.Equal(12, (await other.DataAsync(elsewhere, arrived.Id)).GetProperty("Frames").GetInt64());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Requirement("SW-10")]
    public async Task An_extension_that_throws_is_cut_off_and_the_others_go_on(bool failsClosed)
    {
        var counting = _switch.Install("CountingCapture", "Capture");
        var filter = _switch.Install("ManyFaced", "Filter", failsClosed: failsClosed);
        await _switch.EnableAsync(counting, filter);
        var (a, _) = await _switch.AddPortAsync();
        var (b, _) = await _switch.AddPortAsync();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(1, b.Drain());
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1), 0x9004));
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(failsClosed ? 0 : 2, b.Drain());
        Assert.True(await _switch.Chain.TakeOutFailedAsync());
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(failsClosed ? 0 : 1, b.Drain());
        var status = _switch.Chain.Describe()[1];
        Assert.Equal((true, false), (status.Enabled, status.Running));
        Assert.Contains("It threw InvalidOperationException: It was asked to.", status.Fault, StringComparison.Ordinal);
        var events = await _switch.Room.Events.AfterAsync(0, TimeSpan.Zero, default);
        Assert.Contains(events, one => one.Kind == "ExtensionFailed" && one.ExtensionId == filter.Manifest.Id);

        // Asking for the same changes nothing; taking it out and putting it in again does.
        await _switch.EnableAsync(counting, filter);
        Assert.False(_switch.Chain.Describe()[1].Running);
        await _switch.Chain.ApplyAsync([new(counting.Manifest.Id, true), new(filter.Manifest.Id, false)]);
        await _switch.EnableAsync(counting, filter);
        Assert.True(_switch.Chain.Describe()[1].Running);
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(1, b.Drain());
    }

    [Fact]
    [Requirement("SW-10")]
    public async Task An_extension_that_hoards_memory_is_cut_off()
    {
        await using var network = new ExtendedSwitch(limits: new ExtensionLimits { MemoryBytes = GC.GetTotalMemory(forceFullCollection: true) + (64 << 20) });
        var counting = network.Install("CountingCapture", "Capture");
        var filter = network.Install("ManyFaced", "Filter");
        await network.EnableAsync(counting, filter);
        var (a, _) = await network.AddPortAsync();
        var (b, _) = await network.AddPortAsync();
        for (var i = 0; i < 400 && network.Chain.Running.All(one => one.Status == InstanceStatus.Running); i++)
        {
            a.Inject(Ethernet(MacAddress.Broadcast, Station(1), 0x9006));
            network.Room.LookAfterMemory();
        }

        Assert.True(await network.Chain.TakeOutFailedAsync());
        Assert.Contains("memory grew", network.Chain.Describe()[1].Fault, StringComparison.Ordinal);
        Assert.True(network.Chain.Describe()[0].Running);
        b.Drain();
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.Equal(1, b.Drain());
    }

    [Fact]
    [Requirement("SW-10")]
    public async Task Code_that_is_let_go_of_leaves_memory_and_code_that_clings_is_named()
    {
        await RunOnceAsync("CountingCapture");
        await Wait.UntilAsync("the code to leave memory", () =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return _switch.Room.Unloading == 0;
        });
        await RunOnceAsync("Clinging");
        await Wait.UntilAsync("what was loaded to be described to leave memory", () =>
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return _switch.Room.Unloading == 1;
        });
        _switch.Network.Clock.Advance(TimeSpan.FromSeconds(31));
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            _switch.Room.LookAfterMemory();
        }

        var events = await _switch.Room.Events.AfterAsync(0, TimeSpan.Zero, default);
        Assert.Equal(["Clinging"], events.Where(one => one.Kind == "ExtensionNotUnloaded").Select(one => one.Message.Split('\'')[1]));
    }

    [Fact]
    [Requirement("SW-8")]
    public async Task Nothing_is_allocated_while_frames_pass_an_extension()
    {
        var (a, _) = await _switch.AddPortAsync();
        var (b, _) = await _switch.AddPortAsync();
        var frame = Packets.Udp(Station(2), Station(1), "10.0.0.1", "10.0.0.2", 1, 53);
        b.Inject(Ethernet(MacAddress.Broadcast, Station(2)));
        a.Drain();

        long Measure()
        {
            for (var i = 0; i < 200; i++)
            {
                a.Inject(frame);
                Assert.Equal(1, b.Drain());
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 200; i++)
            {
                a.Inject(frame);
                b.Drain();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, Measure());
        foreach (var (type, kind) in new[] { ("CountingCapture", "Capture"), ("ManyFaced", "Filter"), ("WebOnly", "Firewall"), ("ByNumber", "Forwarding") })
        {
            frame[14] = type == "ByNumber" ? (byte)255 : (byte)0x45;
            await _switch.EnableAsync(_switch.Install(type, kind));
            Assert.Equal(0, Measure());
            Assert.True(_switch.Chain.Describe()[0] is { Running: true, Statistics: { Frames: >= 400 } });
        }
    }

    [Fact]
    [Requirement("SW-9")]
    public async Task A_timer_calls_and_what_is_reported_is_an_event()
    {
        await _switch.EnableAsync(_switch.Install("Ticking", "Capture"));
        await Wait.UntilAsync("the report", async () => (await _switch.Room.Events.AfterAsync(0, TimeSpan.Zero, default)).Any(one => one is { Kind: "ExtensionReport", Message: "Three." }));
    }

    [Theory]
    [InlineData("""{ "id": "not one" }""", "cannot be read")]
    [InlineData("""{ "name": "x" }""", "no 'id'")]
    [InlineData("""{ "id": "7d9d2a4e-98ba-4b7e-a2a0-c3d7d2e2a111", "name": "x", "vendor": "y", "version": "1", "sdk": "1.0", "assembly": "a.dll", "type": "T" }""", "not semantic")]
    [InlineData("""{ "id": "7d9d2a4e-98ba-4b7e-a2a0-c3d7d2e2a111", "name": "x", "vendor": "y", "version": "1.0.0", "sdk": "2.0", "assembly": "a.dll", "type": "T" }""", "needs version 2.0")]
    [InlineData("""{ "id": "7d9d2a4e-98ba-4b7e-a2a0-c3d7d2e2a111", "name": "x", "vendor": "y", "version": "1.0.0", "sdk": "1.0", "assembly": "../a.dll", "type": "T" }""", "not the name of a .dll")]
    public void A_manifest_that_cannot_be_used_says_why(string json, string why) =>
        Assert.Contains(why, Assert.Throws<InvalidDataException>(() => ExtensionManifest.Parse(System.Text.Encoding.UTF8.GetBytes(json))).Message, StringComparison.Ordinal);

    // A method of its own, so that nothing of the extension is left on the stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task RunOnceAsync(string type)
    {
        var (a, port) = await _switch.AddPortAsync();
        await _switch.EnableAsync(_switch.Install(type, "Capture"));
        a.Inject(Ethernet(MacAddress.Broadcast, Station(1)));
        Assert.NotEqual(0, _switch.Room.Unloading + 1);
        await _switch.EnableAsync();
        _switch.Network.Switch.Remove(port);
        await _switch.Chain.LeaveAsync(port);
    }
}
