using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;

namespace Vireo.Bench.Switching;

/// <summary>Shares of a full link, limits, and how soon what one leaves is taken: by the clock of the machine, a second each.</summary>
internal sealed class SharesPart : ISwitchPart
{
    private const long Link = 1_000_000_000;
    private const int FrameBytes = 1500;
    private const int Windows = 5;

    /// <inheritdoc/>
    public string Name => "shares";

    /// <inheritdoc/>
    public Task<IReadOnlyList<Comparison>> RunAsync()
    {
        List<Comparison> rows =
        [
            Shares("1:2:5", [1, 2, 5]),
            Shares("64 adapters", [.. Enumerable.Range(0, 64).Select(i => (i % 4) + 1)]),
            Shares("64 adapters alike", [.. Enumerable.Repeat(1, 64)]),
            Cap(10_000_000),
            Cap(100_000_000),
            Cap(1_000_000_000),
            LeftOver(),
        ];
        return Task.FromResult<IReadOnlyList<Comparison>>(rows);
    }

    private static Comparison Shares(string what, int[] weights)
    {
        var (home, receiver, port, senders) = Build(weights.Select(weight => new PortPolicySpecification { MinimumBandwidthWeight = weight }), Link);
        Run(TimeSpan.FromMilliseconds(200), home, port, senders);
        List<double> worst = [];
        for (var window = 0; window < Windows; window++)
        {
            receiver.Forget();
            Run(TimeSpan.FromSeconds(1), home, port, senders);
            var total = (double)receiver.Total;
            worst.Add(weights.Select((weight, i) => Math.Abs((receiver.Bytes[i] / total / ((double)weight / weights.Sum())) - 1)).Max() * 100);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: worst share {worst[^1]:0.000} % off, {total * 8 / 1e6:0} Mbit/s in all"));
        }

        return new Comparison($"shares {what}, worst", "%", Tool.Median(worst), "wanted", 2, LessIsBetter: true);
    }

    private static Comparison Cap(long bitsPerSecond)
    {
        var (home, receiver, _, senders) = Build([new PortPolicySpecification { MaximumBandwidth = bitsPerSecond }], 0);
        Run(TimeSpan.FromMilliseconds(500), home, senders[0].Port, senders);
        List<double> off = [];
        for (var window = 0; window < Windows; window++)
        {
            receiver.Forget();
            var begin = Stopwatch.GetTimestamp();
            Run(TimeSpan.FromSeconds(1), home, senders[0].Port, senders);
            off.Add(Math.Abs((receiver.Total * 8 / Stopwatch.GetElapsedTime(begin).TotalSeconds / bitsPerSecond) - 1) * 100);
        }

        return new Comparison($"limit of {bitsPerSecond / 1_000_000} Mbit/s, off", "%", Tool.Median(off), "wanted", 1, LessIsBetter: true);
    }

    private static Comparison LeftOver()
    {
        var (home, receiver, port, senders) = Build([new PortPolicySpecification { MinimumBandwidthWeight = 90 }, new PortPolicySpecification { MinimumBandwidthWeight = 10 }], Link);
        List<double> missing = [];
        for (var round = 0; round < 20; round++)
        {
            Run(TimeSpan.FromMilliseconds(100), home, port, senders);
            Run(TimeSpan.FromMilliseconds(10), home, port, senders[1..]);
            receiver.Forget();
            var begin = Stopwatch.GetTimestamp();
            Run(TimeSpan.FromMilliseconds(10), home, port, senders[1..]);
            missing.Add(Math.Max(0, 1 - (receiver.Bytes[1] * 8 / Stopwatch.GetElapsedTime(begin).TotalSeconds / Link)) * 100);
        }

        return new Comparison("left over, not taken after 10 ms", "%", Tool.Median(missing), "wanted", 5, LessIsBetter: true);
    }

    private static (MemorySwitch Home, Receiver Receiver, PortState Port, Sender[] Senders) Build(IEnumerable<PortPolicySpecification> policies, long link)
    {
        var home = new MemorySwitch();
        var receiver = new Receiver(link);
        var port = home.Add(receiver);
        Sender[] senders = [.. policies.Select((policy, i) => new Sender(home, i, policy))];
        if (link > 0)
        {
            home.Home.SetBandwidth(MinimumBandwidthMode.Weight, 0);
        }

        home.Forwarder.Ingress.Add(SwitchBenchmark.Frame(64, to: 500, from: 1000));
        home.Forwarder.Forward(port);
        return (home, receiver, port, senders);
    }

    /// <summary>Everybody sends as much as they can; the port that has to wait for time is looked after as its timer would.</summary>
    private static void Run(TimeSpan time, MemorySwitch home, PortState timed, Sender[] senders)
    {
        for (var begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin) < time;)
        {
            foreach (var sender in senders)
            {
                sender.Send();
            }

            home.Forwarder.Tick(timed);
        }
    }

    private sealed class Sender
    {
        private readonly InMemoryPort _end = new();
        private readonly MemorySwitch _home;
        private readonly byte[] _frame;

        public Sender(MemorySwitch home, int number, PortPolicySpecification policy)
        {
            _home = home;
            Port = home.Add(_end, policy);
            _frame = SwitchBenchmark.Frame(FrameBytes, to: 1000, from: 1);
            BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(10), (ushort)(number + 1));
        }

        public PortState Port { get; }

        public void Send()
        {
            for (var i = 0; i < 4; i++)
            {
                _home.Forwarder.Ingress.Add(_frame);
            }

            _end.InjectBatch();
        }
    }

    /// <summary>Counts what it gets from each sender.</summary>
    private sealed class Receiver(long link) : PortBackEnd
    {
        public long[] Bytes { get; } = new long[1024];

        public long Total => Bytes.Sum();

        public override bool IsConnected => true;

        public override PortCapabilities Capabilities => default;

        public override long LinkBitsPerSecond => link;

        public void Forget() => Array.Clear(Bytes);

        protected override void OnStart(PortState port)
        {
        }

        public override void Stop()
        {
        }

        public override void Transmit(FrameBatch batch)
        {
            foreach (var index in batch.Live)
            {
                Bytes[BinaryPrimitives.ReadUInt16BigEndian(batch.Head(index)[10..]) - 1] += batch[index].Length;
            }
        }
    }
}
