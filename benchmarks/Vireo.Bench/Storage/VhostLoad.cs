using System.Diagnostics;
using Vireo.Testing.Vhost;

namespace Vireo.Bench.Storage;

/// <summary>
/// A front end of vhost-user-blk that does nothing but ask: shares memory, sets up the queues, keeps so many requests of random places in
/// flight and counts. It sleeps on the call eventfd when nothing is ready, as a guest's driver does.
/// </summary>
internal sealed class VhostLoad : IDisposable
{
    private const int SectorBytes = 512;
    private const ulong EventIndex = 1UL << 29;
    private const ulong Indirect = 1UL << 28;
    private const ulong SegmentCount = 1UL << 2;
    private const ulong Flush = 1UL << 9;
    private readonly MockGuestMemory _memory;
    private readonly MockFrontEnd _frontEnd;
    private readonly MockQueue _queue;
    private readonly MockBlockDriver _driver;
    private readonly Random _random = new(1);
    private long _longestTicks;

    /// <summary>Connects and starts one queue.</summary>
    public VhostLoad(string socketPath, int depth, int blockBytes)
    {
        const int queueSize = 128;
        _memory = new MockGuestMemory(Math.Max(8 << 20, (depth * (blockBytes + 8192)) + (4 << 20)));
        _frontEnd = new MockFrontEnd(socketPath);
        _frontEnd.Negotiate(EventIndex | Indirect | SegmentCount | Flush);
        if (!_frontEnd.SetMemory(_memory))
        {
            throw new InvalidOperationException($"{socketPath} refused the memory.");
        }

        _queue = new MockQueue(_memory, 0, queueSize, eventIndex: true);
        _frontEnd.Start(_memory, _queue);
        _driver = new MockBlockDriver(_memory, _queue, depth, blockBytes, indirect: true);
    }

    /// <summary>Requests a second, over <paramref name="seconds"/>.</summary>
    public double Run(bool isWrite, int blockBytes, int depth, double seconds)
    {
        var end = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
        return RunWhile(isWrite, blockBytes, depth, now => now < end);
    }

    /// <summary>Requests a second, as long as <paramref name="isGoing"/>, which is asked all the time and told what time it is, says so.</summary>
    public double RunWhile(bool isWrite, int blockBytes, int depth, Func<long, bool> isGoing)
    {
        var type = isWrite ? MockBlockDriver.Write : MockBlockDriver.Read;
        var blocks = (StorageBench.ImageMegabytes << 20) / blockBytes;
        var done = 0L;
        var inFlight = 0;
        var begin = Stopwatch.GetTimestamp();
        while (true)
        {
            var now = Stopwatch.GetTimestamp();
            if (isGoing(now))
            {
                while (inFlight < depth)
                {
                    _driver.Send(_driver.Take(), type, (ulong)_random.Next(blocks) * (ulong)(blockBytes / SectorBytes), blockBytes);
                    inFlight++;
                }

                _queue.Kick();
            }
            else if (inFlight == 0)
            {
                return done / Stopwatch.GetElapsedTime(begin, now).TotalSeconds;
            }

            for (var request = _driver.Wait(); request is not null; request = _driver.TryGet())
            {
                if (request.Status != 0)
                {
                    throw new InvalidOperationException($"A request failed with status {request.Status}.");
                }

                _driver.Return(request);
                inFlight--;
                done++;
            }
        }
    }

    /// <summary>Reads random places until it is told to stop, and remembers which request took longest.</summary>
    public void RunUntil(Func<bool> isStopped, int blockBytes, int depth)
    {
        var blocks = (StorageBench.ImageMegabytes << 20) / blockBytes;
        var begun = new Dictionary<MockBlockRequest, long>();
        var inFlight = 0;
        while (!isStopped() || inFlight > 0)
        {
            for (; inFlight < depth && !isStopped(); inFlight++)
            {
                var request = _driver.Take();
                begun[request] = Stopwatch.GetTimestamp();
                _driver.Send(request, MockBlockDriver.Read, (ulong)_random.Next(blocks) * (ulong)(blockBytes / SectorBytes), blockBytes);
            }

            _queue.Kick();
            if (inFlight == 0)
            {
                return;
            }

            for (var request = _driver.Wait(); request is not null; request = _driver.TryGet())
            {
                if (request.Status != 0)
                {
                    throw new InvalidOperationException($"A request failed with status {request.Status}.");
                }

                var ticks = Stopwatch.GetTimestamp() - begun[request];
                _driver.Return(request);
                inFlight--;
                for (var longest = Volatile.Read(ref _longestTicks); ticks > longest;)
                {
                    var seen = Interlocked.CompareExchange(ref _longestTicks, ticks, longest);
                    longest = seen == longest ? ticks : seen;
                }
            }
        }
    }

    /// <summary>How long the longest request took that <see cref="RunUntil"/> has seen complete since the last call.</summary>
    public double TakeLongestMilliseconds() => Interlocked.Exchange(ref _longestTicks, 0) * 1000.0 / Stopwatch.Frequency;

    /// <inheritdoc/>
    public void Dispose()
    {
        _frontEnd.Dispose();
        _queue.Dispose();
        _memory.Dispose();
    }
}
