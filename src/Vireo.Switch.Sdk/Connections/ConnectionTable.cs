using System.Numerics;

namespace Vireo.Switch.Sdk;

/// <summary>How far a conversation has come.</summary>
internal enum ConnectionState : byte
{
    /// <summary>A free place.</summary>
    None,

    /// <summary>Its beginner has spoken, nobody answered yet.</summary>
    Opening,

    /// <summary>Both have spoken.</summary>
    Open,

    /// <summary>One side of a TCP connection has ended it.</summary>
    Closing,

    /// <summary>Ended; late packets may still come.</summary>
    Closed,
}

/// <summary>What is known about one side of a TCP connection.</summary>
internal struct TcpSide
{
    /// <summary>The sequence number that it expects next, as it said last.</summary>
    public uint Expected;

    /// <summary>Unscaled window that it offered last.</summary>
    public ushort Window;

    /// <summary>Scale of its window (RFC 7323 2.2), or the greatest possible when it is not known.</summary>
    public byte Scale;

    /// <summary>Its SYN was seen, so the scale is known.</summary>
    public bool HasBegun;

    /// <summary>It has said what it expects.</summary>
    public bool HasSpoken;

    /// <summary>It has ended its direction.</summary>
    public bool HasEnded;
}

/// <summary>A conversation that was let pass.</summary>
internal struct ConnectionEntry
{
    public ConnectionKey Key;
    public ConnectionState State;
    public bool IsInbound;
    public uint Seen;
    public uint Rules;
    public TcpSide Local;
    public TcpSide Remote;
}

/// <summary>
/// The conversations of a firewall. The capacity is fixed: where the eight places of a hash are taken, a conversation displaces one of the same port
/// that never got beyond its beginning, or the one of the same port that was silent longest; a port never pushes out another's. The hash is keyed.
/// </summary>
internal sealed class ConnectionTable
{
    private const int Window = 8;
    private readonly ConnectionEntry[] _entries;
    private readonly ulong _secret;
    private readonly int _mask;

    /// <summary>An empty table.</summary>
    /// <param name="capacity">Rounded up to a power of two.</param>
    /// <param name="secret">Random.</param>
    public ConnectionTable(int capacity, ulong secret)
    {
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, Window));
        _entries = new ConnectionEntry[size + Window];
        _mask = size - 1;
        _secret = secret;
    }

    /// <summary>Conversations, ended ones included until their place is needed.</summary>
    public int Count { get; private set; }

    /// <summary>All places, for keeping and restoring.</summary>
    public ReadOnlySpan<ConnectionEntry> Entries => _entries;

    /// <summary>The place of a conversation that has not expired, or -1.</summary>
    public int Find(in ConnectionKey key, uint now)
    {
        var first = (int)(key.Hash(_secret) & (uint)_mask);
        for (var index = first; index < first + Window; index++)
        {
            ref var entry = ref _entries[index];
            if (entry.State != ConnectionState.None && entry.Key == key)
            {
                if (!IsExpired(entry, now))
                {
                    return index;
                }

                Remove(index);
                return -1;
            }
        }

        return -1;
    }

    /// <summary>The conversation at a place.</summary>
    public ref ConnectionEntry At(int index) => ref _entries[index];

    /// <summary>A place for a conversation that is not there yet, or -1 when every place belongs to others.</summary>
    public int Add(in ConnectionKey key, uint now)
    {
        var first = (int)(key.Hash(_secret) & (uint)_mask);
        var victim = -1;
        long worthMax = 0;
        for (var index = first; index < first + Window; index++)
        {
            ref var entry = ref _entries[index];
            var age = unchecked(now - entry.Seen);
            var worth = entry.State == ConnectionState.None ? long.MaxValue
                : IsExpired(entry, now) ? long.MaxValue - 1
                : entry.Key.Port != key.Port ? 0
                : entry.State is ConnectionState.Opening or ConnectionState.Closed ? (1L << 40) + age
                : age + 1L;
            if (worth > worthMax)
            {
                victim = index;
                worthMax = worth;
            }
        }

        if (victim >= 0)
        {
            if (_entries[victim].State == ConnectionState.None)
            {
                Count++;
            }

            _entries[victim] = new ConnectionEntry { Key = key, Seen = now, State = ConnectionState.Opening };
        }

        return victim;
    }

    /// <summary>Forgets a conversation.</summary>
    public void Remove(int index)
    {
        if (_entries[index].State != ConnectionState.None)
        {
            _entries[index] = default;
            Count--;
        }
    }

    // RFC 5382 REQ-5, RFC 4787 REQ-5, RFC 5508 REQ-1 are lower bounds for a translator; a firewall that waits as long breaks nothing.
    private static bool IsExpired(in ConnectionEntry entry, uint now)
    {
        var limit = (entry.State, entry.Key.Protocol) switch
        {
            (ConnectionState.Closed, _) => 10u,
            (ConnectionState.Open, 6) => 7440u,
            (_, 6) => 240u,
            (ConnectionState.Open, 17) => 300u,
            (_, 1 or 58) => 60u,
            _ => 120u,
        };
        return unchecked(now - entry.Seen) > limit;
    }
}
