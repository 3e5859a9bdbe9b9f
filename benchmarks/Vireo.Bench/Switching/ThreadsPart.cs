using System.Diagnostics;
using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Platform.Events;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Ports;
using Vireo.Switch.Sdk;
using Vireo.Switch.Stages;
using Vireo.Switch.Threads;

namespace Vireo.Bench.Switching;

/// <summary>
/// Two pairs of ports in memory, each of which sends frames of 64 bytes from one port to the other as fast as they are taken: carried by one packet thread, by
/// one for each pair, and with each pair across two threads; by the machine's clock. And how long a port's move takes meanwhile.
/// </summary>
internal sealed class ThreadsPart : ISwitchPart
{
    private const int Rounds = 5;
    private const int Moves = 200;
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Name => "threads";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync()
    {
        using var one = await Load.StartAsync(1);
        using var two = await Load.StartAsync(2);
        List<double> alone = [], beside = [], across = [];
        for (var round = -1; round < Rounds; round++)
        {
            var rates = new[] { await one.RunAsync([0, 0, 0, 0]), await two.RunAsync([0, 0, 1, 1]), await two.RunAsync([0, 1, 1, 0]) };
            if (round >= 0)
            {
                alone.Add(rates[0]);
                beside.Add(rates[1]);
                across.Add(rates[2]);
            }
        }

        var moves = await two.MoveAsync();
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{Moves} moves under load: {Tool.Median(moves):0.000} ms each from the question to the answer, {moves.Max():0.000} ms at worst"));
        return
        [
            new Comparison("two pairs, a packet thread each", "Mpps", Tool.Median(beside), "one packet thread", Tool.Median(alone), LessIsBetter: false),
            new Comparison("two pairs, each across both threads", "Mpps", Tool.Median(across), "one packet thread", Tool.Median(alone), LessIsBetter: false),
            new Comparison("a port's move under load, median", "ms", Tool.Median(moves), "worst", moves.Max(), LessIsBetter: true),
        ];
    }

    private sealed class Load : IDisposable
    {
        private readonly PacketThreads _threads;
        private readonly List<(End End, PortState Port)> _ports = [];

        private Load(PacketThreads threads) => _threads = threads;

        public static async Task<Load> StartAsync(int count)
        {
            var load = new Load(await PacketThreads.StartAsync(count, TimeProvider.System));
            var compiler = new PolicyCompiler(new StageCatalog(TimeProvider.System));
            var home = new SwitchState(Guid.NewGuid(), new MacTable(8192, 300, 0x1234567), threads: count);
            for (var i = 0; i < 4; i++)
            {
                var end = new End(load._threads.NewSeat(), SwitchBenchmark.Frame(64, to: (ulong)(i ^ 1) + 1, from: (ulong)i + 1));
                var port = new PortState(Guid.NewGuid(), compiler.Compile(new PortSettings(PortVlanMode.Untagged, 0, []), null), end);
                load._ports.Add((end, port));
                await load._threads.StopAsync(() =>
                {
                    home.Add(port);
                    end.Start(port, load._threads.First.Forwarder);
                });
            }

            for (var i = 0; i < 4; i++)
            {
                load._ports[i].End.Peer = load._ports[i ^ 1].End;
            }

            return load;
        }

        /// <summary>Puts the ports at these threads and has the first of each pair send.</summary>
        /// <returns>Millions of frames that arrived in a second.</returns>
        public async Task<double> RunAsync(int[] at)
        {
            await _threads.MoveAsync([.. _ports.Select((one, i) => (one.Port, _threads.All[at[i]]))]);
            await BeginAsync();
            await Task.Delay(s_window / 4);
            var before = _ports.Sum(one => one.End.Arrived);
            var begin = Stopwatch.GetTimestamp();
            await Task.Delay(s_window);
            var rate = (_ports.Sum(one => one.End.Arrived) - before) / Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
            await EndAsync();
            return rate;
        }

        public async Task<List<double>> MoveAsync()
        {
            await BeginAsync();
            List<double> took = [];
            for (var move = 0; move < Moves; move++)
            {
                await Task.Delay(2);
                var begin = Stopwatch.GetTimestamp();
                await _threads.MoveAsync([(_ports[move % 4].Port, _threads.All[move / 4 % 2])]);
                took.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }

            await EndAsync();
            return took;
        }

        public void Dispose() => _threads.Dispose();

        private Task BeginAsync() => _threads.StopAsync(() =>
        {
            // Stations are known before the load begins.
            _ports[1].End.SendOne();
            _ports[3].End.SendOne();
            _ports[0].End.Begin();
            _ports[2].End.Begin();
        });

        private Task EndAsync() => _threads.StopAsync(() => _ports.ForEach(one => one.End.Cease()));
    }

    /// <summary>Sends one frame again and again, in batches, and counts what arrives. No more are on their way than a ring holds.</summary>
    private sealed class End : PortBackEnd
    {
        private const int InFlightMax = 512;
        private readonly Source _source;
        private readonly byte[] _frame;
        private PortState? _port;
        private long _sent;
        private long _arrived;
        private long _peerBefore;

        public End(ReactorSeat seat, byte[] frame)
            : base(seat)
        {
            _frame = frame;
            _source = new Source(this);
        }

        public long Arrived => Volatile.Read(ref _arrived);

        /// <summary>Who gets the frames.</summary>
        public End? Peer { get; set; }

        public override bool IsConnected => _port is not null;

        public void SendOne()
        {
            Forwarder!.Ingress.Add(_frame);
            Forwarder.Forward(_port!);
        }

        public void Begin()
        {
            _sent = 0;
            _peerBefore = Peer!.Arrived;
            _source.IsSending = true;
            Seat!.Activate(_source);
        }

        public void Cease()
        {
            _source.IsSending = false;
            Seat!.Deactivate(_source);
        }

        public override void Stop() => _port = null;

        public override void Transmit(FrameBatch batch) => Volatile.Write(ref _arrived, _arrived + batch.Live.Length);

        protected override void OnStart(PortState port) => _port = port;

        private bool Send()
        {
            if (_sent - (Volatile.Read(ref Peer!._arrived) - _peerBefore) > InFlightMax)
            {
                return false;
            }

            var batch = Forwarder!.Ingress;
            while (!batch.IsFull)
            {
                batch.Add(_frame);
            }

            _sent += batch.Live.Length;
            var began = BeginTurn();
            Forwarder.Forward(_port!);
            EndTurn(_port, began);
            return true;
        }

        private sealed class Source(End end) : ReactorTask
        {
            public bool IsSending { get; set; }

            protected override bool Poll() => IsSending && end.Send();

            protected override bool TrySleep() => !IsSending;
        }
    }
}
