using System.Buffers.Binary;
using System.Diagnostics;
using Vireo.Bench.Switching;
using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;

namespace Vireo.Bench;

/// <summary>
/// One core carries frames from port to port through the whole pipeline, in memory, beside a bare ring that only copies them: the
/// ring is the ceiling. A frame passes the switch with two copies, the ring with one.
/// </summary>
internal sealed class SwitchBenchmark : IBenchmark
{
    private const int Rounds = 9;
    private const int Batch = 32;
    private static readonly TimeSpan s_round = TimeSpan.FromMilliseconds(250);

    /// <summary>With an access VLAN: guards, twenty access rules and a meter.</summary>
    public static PortPolicySpecification Policy { get; } = new()
    {
        SpoofGuard = true,
        DhcpGuard = true,
        RouterGuard = true,
        Acls =
        [
            .. Enumerable.Range(0, 20).Select(i => new PortAclSpecification(PortAclAction.Deny, PortAclDirection.Both, null, $"203.0.{i}.0/24")),
            new(PortAclAction.Meter, PortAclDirection.Both, null, "0.0.0.0/0"),
        ],
    };

    /// <inheritdoc/>
    public string Name => "switch";

    /// <inheritdoc/>
    public string Summary => "frames from port to port in memory, and the copying alone (--only pipeline, flows, cost, shares, ports; without it pipeline)";

    /// <inheritdoc/>
    public IReadOnlyList<(string Command, string Package)> Needs => [];

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync(IReadOnlyList<string> arguments)
    {
        ISwitchPart[] parts = [new FlowsPart(), new CostPart(), new SharesPart(), new PortsPart(), new ThreadsPart()];
        List<Comparison> rows = [];
        if (arguments is ["--only", var only])
        {
            foreach (var part in parts.Where(part => only.Split(',').Contains(part.Name, StringComparer.Ordinal)))
            {
                rows.AddRange(await part.RunAsync());
            }

            if (rows.Count > 0 || only != "pipeline")
            {
                return rows.Count > 0 ? rows : throw new InvalidOperationException($"There is no part '{only}'; there are pipeline, {string.Join(", ", parts.Select(part => part.Name))}.");
            }
        }

        foreach (var bytes in new[] { 64, 1500 })
        {
            rows.Add(await GuestsAsync(bytes, "guest to guest", null));
            rows.Add(await GuestsAsync(bytes, "guests, guards, 20 rules, meter", Policy));
            foreach (var (what, vlan, stages) in new (string, int, StageSpecification[])[]
            {
                ("learning, no VLAN", 0, []), ("learning, VLAN access", 7, []), ("and four idle stages", 7, [.. Enumerable.Repeat(new StageSpecification("PassThrough"), 4)]),
            })
            {
                var forward = Forwarding(bytes, vlan, stages);
                var copy = Copying(bytes);
                List<double> vireo = [], ring = [];
                Measure(forward);
                Measure(copy);
                for (var round = 0; round < Rounds; round++)
                {
                    vireo.Add(Measure(forward));
                    ring.Add(Measure(copy));
                }

                rows.Add(new Comparison($"{bytes} B, {what}", "Mpps", Tool.Median(vireo), "a ring", Tool.Median(ring), LessIsBetter: false));
            }
        }

        rows.Add(Beside("64 B, 1,024 ports, each frame to another", ManyPorts(1024), "two ports", Forwarding(64, 0, [])));
        rows.Add(Beside("64 B, minimum bandwidth without congestion", Forwarding(64, 0, [], weight: 5), "without", Forwarding(64, 0, [])));
        return rows;
    }

    private static Comparison Beside(string what, Func<int> one, string peer, Func<int> other)
    {
        List<double> vireo = [], beside = [];
        Measure(one);
        Measure(other);
        for (var round = 0; round < Rounds; round++)
        {
            vireo.Add(Measure(one));
            beside.Add(Measure(other));
        }

        return new Comparison(what, "Mpps", Tool.Median(vireo), peer, Tool.Median(beside), LessIsBetter: false);
    }

    private static Func<int> ManyPorts(int count)
    {
        var clock = TimeProvider.System;
        var compiler = new PolicyCompiler(new StageCatalog(clock));
        var forwarder = new Forwarder(clock);
        var home = new SwitchState(Guid.NewGuid(), new MacTable(8192, 300, 0x1234567));
        var ends = new InMemoryPort[count];
        var memory = GC.GetTotalMemory(forceFullCollection: true);
        const int ringFrames = 64;
        const int ringBytes = 64;
        for (var i = 0; i < count; i++)
        {
            ends[i] = new InMemoryPort(ringFrames, ringBytes);
            var port = new PortState(Guid.NewGuid(), compiler.Compile(new PortSettings(PortVlanMode.Untagged, 0, []), null), ends[i]);
            home.Add(port);
            ends[i].Start(port, forwarder);
        }

        var each = ((GC.GetTotalMemory(forceFullCollection: true) - memory) / count) - (ringFrames * (ringBytes + sizeof(int) + sizeof(long)));
        Console.Error.WriteLine($"{count} ports: {each} bytes for each, without its ring");
        for (var i = 0; i < count; i++)
        {
            ends[i].Inject(Frame(64, to: (ulong)i, from: (ulong)i + 1));
        }

        foreach (var end in ends)
        {
            end.Drain();
        }

        var frames = Enumerable.Range(0, count).Select(i => Frame(64, to: (ulong)((i * 37) % count) + 1, from: 1)).ToArray();
        var next = 0;
        return () =>
        {
            var first = next;
            for (var i = 0; i < Batch; i++)
            {
                forwarder.Ingress.Add(frames[(first + i) % count]);
            }

            ends[0].InjectBatch();
            var arrived = 0;
            for (var i = 0; i < Batch; i++)
            {
                arrived += ends[((first + i) * 37) % count].Drain();
            }

            next = (first + Batch) % count;
            return arrived;
        };
    }

    private static async Task<Comparison> GuestsAsync(int bytes, string what, PortPolicySpecification? policy)
    {
        using var pair = new GuestPair();
        var compiler = new PolicyCompiler(new StageCatalog(TimeProvider.System));
        var mode = policy is null ? PortVlanMode.Untagged : PortVlanMode.Access;
        await pair.StartAsync(i => compiler.Compile(new PortSettings(mode, 7, [], policy, new MacAddress(0x0200_0000_0000 + (ulong)i)), null), bytes);
        var copy = Copying(bytes);
        List<double> vireo = [], ring = [];
        await pair.RunAsync(Measure);
        Measure(copy);
        for (var round = 0; round < Rounds; round++)
        {
            vireo.Add(await pair.RunAsync(Measure));
            ring.Add(Measure(copy));
        }

        return new Comparison($"{bytes} B, {what}", "Mpps", Tool.Median(vireo), "a ring", Tool.Median(ring), LessIsBetter: false);
    }

    private static Func<int> Forwarding(int bytes, int vlan, StageSpecification[] stages, int weight = 0)
    {
        var clock = TimeProvider.System;
        var compiler = new PolicyCompiler(new StageCatalog(clock));
        var forwarder = new Forwarder(clock);
        var home = new SwitchState(Guid.NewGuid(), new MacTable(8192, 300, 0x1234567));
        var settings = new PortSettings(vlan == 0 ? PortVlanMode.Untagged : PortVlanMode.Access, vlan, stages, new PortPolicySpecification { MinimumBandwidthWeight = weight });
        home.SetBandwidth(weight > 0 ? MinimumBandwidthMode.Weight : MinimumBandwidthMode.None, 0);
        var ends = new InMemoryPort[2];
        for (var i = 0; i < 2; i++)
        {
            ends[i] = new InMemoryPort(1024);
            var port = new PortState(Guid.NewGuid(), compiler.Compile(settings, null), ends[i]);
            home.Add(port);
            ends[i].Start(port, forwarder);
        }

        var frame = Frame(bytes, to: 2, from: 1);
        ends[1].Inject(Frame(bytes, to: 1, from: 2));
        ends[0].Drain();
        return () =>
        {
            for (var i = 0; i < Batch; i++)
            {
                forwarder.Ingress.Add(frame);
            }

            ends[0].InjectBatch();
            return ends[1].Drain();
        };
    }

    private static Func<int> Copying(int bytes)
    {
        var ring = new FrameRing(1024, 2048);
        var frame = Frame(bytes, to: 2, from: 1);
        return () =>
        {
            for (var i = 0; i < Batch; i++)
            {
                ring.TryEnqueue(frame);
            }

            for (var i = 0; i < Batch; i++)
            {
                ring.Dequeue();
            }

            return Batch;
        };
    }

    /// <summary>Millions of frames in a second of the processor. Only this thread works meanwhile, so what others take does not count.</summary>
    internal static double Measure(Func<int> step)
    {
        long frames = 0;
        var used = Environment.CpuUsage.TotalTime;
        var begin = Stopwatch.GetTimestamp();
        do
        {
            for (var i = 0; i < 256; i++)
            {
                frames += step();
            }
        }
        while (Stopwatch.GetElapsedTime(begin) < s_round);
        return frames / (Environment.CpuUsage.TotalTime - used).TotalSeconds / 1e6;
    }

    internal static byte[] Frame(int bytes, ulong to, ulong from)
    {
        var frame = new byte[bytes];
        new MacAddress(0x0200_0000_0000 + to).Write(frame);
        new MacAddress(0x0200_0000_0000 + from).Write(frame.AsSpan(6));

        // IPv4 and UDP, from 10.0.0.FROM to 10.0.0.TO.
        var packet = frame.AsSpan(14);
        frame[12] = 0x08;
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = 17;
        packet[12] = packet[16] = 10;
        packet[15] = (byte)from;
        packet[19] = (byte)to;
        packet[21] = packet[23] = 9;
        BinaryPrimitives.WriteUInt16BigEndian(packet[24..], (ushort)(packet.Length - 20));
        return frame;
    }
}
