using Vireo.Switch.Pipeline;

namespace Vireo.Switch.Threads;

/// <summary>What a port takes of the packet thread that it is at.</summary>
/// <param name="Port">The port.</param>
/// <param name="Thread">Number of its thread.</param>
/// <param name="Load">Part of the thread's time that it took lately, 0 to 1.</param>
/// <param name="Weight">0 keeps it at the first thread; of two ports that level equally well the one with the greater weight moves.</param>
/// <param name="HasRested">It has been where it is for long enough to move.</param>
internal sealed record PortLoad(PortState Port, int Thread, double Load, int Weight, bool HasRested);

/// <summary>
/// Which ports are to move so that no packet thread is too busy while another has room, and none is awake for little. A thread that is busy for more
/// than four fifths of its time gives away the port that levels it best; one that has little to do gives all of its ports to another with room.
/// </summary>
internal static class LoadLevelling
{
    /// <summary>A thread that is busier than this gives ports away.</summary>
    public const double Busy = 0.8;

    /// <summary>Two threads become one when both together are less busy than this: far enough from <see cref="Busy"/> not to be parted again at once.</summary>
    public const double TogetherMax = 0.5;

    /// <summary>A move that gains less than this is not made.</summary>
    public const double GainMin = 0.05;

    private const int MovesMax = 8;

    /// <summary>Finds the moves to make now.</summary>
    public static IReadOnlyList<(PortState Port, int To)> Choose(IEnumerable<PortLoad> ports, int threads)
    {
        var now = ports.ToList();
        List<(PortState Port, int To)> moves = [];
        foreach (var port in now.Where(port => port is { Weight: 0, Thread: > 0 }).ToList())
        {
            Move(port, 0);
        }

        while (moves.Count < MovesMax && Relieve() is { } relief)
        {
            Move(relief.Port, relief.To);
        }

        if (moves.Count == 0)
        {
            Join();
        }

        return moves;

        double LoadOf(int thread) => now.Where(port => port.Thread == thread).Sum(port => port.Load);

        void Move(PortLoad port, int to)
        {
            now[now.IndexOf(port)] = port with { Thread = to, HasRested = false };
            moves.Add((port.Port, to));
        }

        (PortLoad Port, int To)? Relieve()
        {
            var loads = Enumerable.Range(0, threads).Select(LoadOf).ToArray();
            var busiest = Array.IndexOf(loads, loads.Max());
            if (loads[busiest] <= Busy)
            {
                return null;
            }

            var best = now.Where(port => port is { HasRested: true, Weight: > 0, Load: > 0 } && port.Thread == busiest)
                .SelectMany(port => Enumerable.Range(0, threads).Where(to => to != busiest).Select(to => (Port: port, To: to, Most: Math.Max(loads[busiest] - port.Load, loads[to] + port.Load))))
                .OrderBy(move => Math.Round(move.Most, 2)).ThenByDescending(move => move.Port.Weight).ThenBy(move => move.To)
                .FirstOrDefault();
            return best.Port is not null && best.Most <= loads[busiest] - GainMin ? (best.Port, best.To) : null;
        }

        void Join()
        {
            for (var from = threads - 1; from > 0; from--)
            {
                var here = now.Where(port => port.Thread == from).ToList();
                var load = here.Sum(port => port.Load);
                var to = Enumerable.Range(0, from).FirstOrDefault(other => LoadOf(other) + load <= TogetherMax, -1);
                if (here.Count > 0 && to >= 0 && here.TrueForAll(port => port.HasRested))
                {
                    here.ForEach(port => Move(port, to));
                    return;
                }
            }
        }
    }
}
