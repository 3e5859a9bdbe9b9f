using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Platform.Sockets;
using Vireo.Switch.Plane;

namespace Vireo.Bench.Switching;

/// <summary>A whole plane with 1,024 ports: memory of one, and policies that change while others' frames pass.</summary>
internal sealed class PortsPart : ISwitchPart
{
    private const int Ports = 1024;
    private const int Changes = 100;

    /// <summary>No frame passed behind the question at all: less than this cannot be told from nothing.</summary>
    private const double LeastMilliseconds = 0.001;

    /// <inheritdoc/>
    public string Name => "ports";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Comparison>> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("vireo-bench-").FullName;
        try
        {
            var paths = HostPaths.ForRoot(folder);
            Directory.CreateDirectory(paths.State);
            Directory.CreateDirectory(paths.Run);
            await using var plane = await SwitchPlane.StartAsync(paths, TimeProvider.System, new Random(1), NullLogger.Instance);
            return await RunAsync(plane, folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<IReadOnlyList<Comparison>> RunAsync(SwitchPlane plane, string folder)
    {
        var home = new SwitchSpecification(Guid.NewGuid(), "bench", SwitchKind.Private);
        await plane.PutSwitchAsync(home);
        var before = Resident();
        var ports = new PortSpecification[Ports];
        var begin = Stopwatch.GetTimestamp();
        for (var i = 0; i < Ports; i++)
        {
            ports[i] = new PortSpecification(Guid.NewGuid(), home.Id, PortKind.Datagram, Path.Combine(folder, $"s{i}"), null, $"0200{i:X8}", PeerSocketPath: Path.Combine(folder, $"g{i}"));
            await plane.PutPortAsync(ports[i]);
        }

        var made = Stopwatch.GetElapsedTime(begin).TotalMilliseconds / Ports;
        var memory = (Resident() - before) / Ports / 1024.0;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Ports} ports: {made:0.0} ms to make one, {memory:0} KB each in the process"));

        // From 0 to 1 goes what must not be lost; from 2 to 3 what the changing policy is about.
        var guests = Enumerable.Range(0, 4).Select(i => UnixDatagramSocket.Bind(ports[i].PeerSocketPath!, ports[i].SocketPath!, null)).ToArray();
        using var stop = new CancellationTokenSource();
        var counts = new Counts();
        var threads = new[]
        {
            Start(() => Send(guests[0], to: 1, from: 0, stop.Token, () => counts.Sent++)),
            Start(() => Receive(guests[1], stop.Token, () => counts.Received++)),
            Start(() => Send(guests[2], to: 3, from: 2, stop.Token, () => { })),
            Start(() => Receive(guests[3], stop.Token, () => Volatile.Write(ref counts.LastSeen, Stopwatch.GetTimestamp()), sent => Volatile.Write(ref counts.LastSent, sent))),
        };
        guests[1].Send(SwitchBenchmark.Frame(64, to: 0, from: 1));
        guests[3].Send(SwitchBenchmark.Frame(64, to: 2, from: 3));
        await Task.Delay(500);
        List<double> inForce = [], seen = [], answered = [];
        var paused = GC.GetTotalPauseDuration();
        var collections = (GC.CollectionCount(0), GC.CollectionCount(2));
        for (var change = 0; change < Changes; change++)
        {
            var asked = Stopwatch.GetTimestamp();
            await plane.PutPortAsync(ports[2] with { Policy = new PortPolicySpecification { Acls = [new(PortAclAction.Deny, PortAclDirection.Both, null, "ANY")] } });
            answered.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            await Task.Delay(30);
            inForce.Add(Math.Max(LeastMilliseconds, Stopwatch.GetElapsedTime(asked, Volatile.Read(ref counts.LastSent)).TotalMilliseconds));
            seen.Add(Math.Max(LeastMilliseconds, Stopwatch.GetElapsedTime(asked, Volatile.Read(ref counts.LastSeen)).TotalMilliseconds));
            await plane.PutPortAsync(ports[2]);
            await Task.Delay(30);
            if (Volatile.Read(ref counts.LastSeen) < asked)
            {
                throw new InvalidOperationException("No frame passes after the rule was taken away.");
            }
        }

        await stop.CancelAsync();
        foreach (var thread in threads)
        {
            thread.Join();
        }

        var reasons = (await plane.GetPortAsync(ports[1].Id)).Statistics.Dropped.Concat((await plane.GetPortAsync(ports[0].Id)).Statistics.Dropped).ToList();
        var dropped = string.Join(", ", [$"{reasons.Sum(pair => pair.Value)}", .. reasons.Select(pair => $"{pair.Value} {pair.Key}")]);
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Changes * 2} changes: {counts.Sent} frames of others sent, {counts.Received} received, {dropped} dropped by the switch; the last frame that passed was sent {inForce.Max():0.00} ms at worst after the change was asked for and read after {seen.Max():0.00} ms, answered after {Tool.Median(answered):0.00} ms; "
            + $"{GC.CollectionCount(0) - collections.Item1} collections, {GC.CollectionCount(2) - collections.Item2} of all memory, paused {(GC.GetTotalPauseDuration() - paused).TotalMilliseconds:0} ms"));
        foreach (var guest in guests)
        {
            guest.Dispose();
        }

        return
        [
            new Comparison($"{Ports} ports, a change in force, median", "ms", Tool.Median(inForce), "wanted", 5, LessIsBetter: true),
            new Comparison($"{Ports} ports, a change in force, worst", "ms", inForce.Max(), "wanted", 5, LessIsBetter: true),
            new Comparison($"{Ports} ports, a change seen by the receiver, worst", "ms", seen.Max(), "wanted", 5, LessIsBetter: true),
            new Comparison($"{Ports} ports, a change stored", "ms", Tool.Median(answered), "wanted", 5, LessIsBetter: true),
        ];
    }

    private static long Resident()
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static Thread Start(Action work)
    {
        var thread = new Thread(() => work()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static void Send(UnixDatagramSocket socket, ulong to, ulong from, CancellationToken stop, Action onSent)
    {
        var frame = SwitchBenchmark.Frame(64, to, from);
        while (!stop.IsCancellationRequested)
        {
            BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(frame.Length - sizeof(long)), Stopwatch.GetTimestamp());
            if (socket.Send(frame) == 0)
            {
                onSent();
            }

            Thread.Sleep(1); // Allowed: the pace of the load.
        }

        // What is on its way arrives.
        Thread.Sleep(100); // Allowed: as above.
    }

    private static void Receive(UnixDatagramSocket socket, CancellationToken stop, Action onFrame, Action<long>? onSent = null)
    {
        var room = new byte[2048];
        var quiet = 0;
        while (!stop.IsCancellationRequested || quiet < 100)
        {
            var length = socket.Receive(room, out _);
            if (length >= 0)
            {
                onFrame();
                onSent?.Invoke(BinaryPrimitives.ReadInt64LittleEndian(room.AsSpan(length - sizeof(long))));
                quiet = 0;
                continue;
            }

            quiet++;
            Thread.Sleep(1); // Allowed: the pace of the load.
        }
    }

    private sealed class Counts
    {
        public long Sent;
        public long Received;
        public long LastSeen;
        public long LastSent;
    }
}
