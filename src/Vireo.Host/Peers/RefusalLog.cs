using Vireo.Host.History;

namespace Vireo.Host.Peers;

/// <summary>
/// Tells in the events who was refused and why. Anybody on the network may knock as often as it likes, so each reason is told once a minute for an address, and no
/// more than <see cref="MostInAMinute"/> altogether; the rest is counted.
/// </summary>
/// <param name="events">Where it is told.</param>
/// <param name="time">Clock.</param>
internal sealed class RefusalLog(EventLog events, TimeProvider time)
{
    /// <summary>Events in a minute.</summary>
    public const int MostInAMinute = 30;

    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private readonly Lock _changing = new();
    private readonly HashSet<(string, string)> _told = [];
    private DateTimeOffset _since = DateTimeOffset.MinValue;
    private int _untold;

    /// <summary>Tells it.</summary>
    /// <param name="who">What it calls itself.</param>
    /// <param name="address">Where it is.</param>
    /// <param name="reason">Why, in the middle of a sentence.</param>
    public void Refused(string who, string address, string reason)
    {
        int untold;
        lock (_changing)
        {
            var now = time.GetUtcNow();
            untold = _untold;
            if (now - _since >= s_minute)
            {
                _since = now;
                _told.Clear();
                _untold = 0;
            }
            else
            {
                untold = 0;
            }

            if (_told.Count >= MostInAMinute || !_told.Add((address, reason)))
            {
                _untold++;
                return;
            }
        }

        if (untold > 0)
        {
            events.Write("PeerRefused", $"Hosts were refused {untold} more times, for reasons told before.", null);
        }

        events.Write("PeerRefused", $"The host '{who}' at {address} was refused: {reason}.", null);
    }
}
