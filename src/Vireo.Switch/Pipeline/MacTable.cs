using Vireo.Platform;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Pipeline;

/// <summary>
/// Which port a station was last seen behind, per VLAN. The capacity is fixed; an entry unseen for the ageing time counts as gone.
/// Owned by one thread; where there are several, each has a table.
/// </summary>
/// <remarks>
/// An open hash table in which an entry lies within <see cref="Window"/> places of its hash. Where a window is full, a port that
/// learns displaces the oldest entry of its own; if it has none there, the station is not learned and its frames are flooded. So a
/// guest that invents addresses pushes out only its own. The hash is keyed, so that nobody can aim at a window.
/// </remarks>
internal sealed class MacTable
{
    /// <summary>Places looked at per lookup: one cache line of keys.</summary>
    private const int Window = 8;
    private const ulong Used = 1UL << 63;

    private readonly ulong[] _keys;
    private readonly ushort[] _ports;
    private readonly uint[] _seen;
    private readonly ulong _hashKey;
    private readonly int _shift;
    private readonly uint _ageingSeconds;

    /// <summary>An empty table.</summary>
    /// <param name="capacity">A power of two.</param>
    /// <param name="ageingSeconds">After this time without a frame a station is forgotten.</param>
    /// <param name="hashKey">Random.</param>
    public MacTable(int capacity, uint ageingSeconds, ulong hashKey)
    {
        Invariant.Check(capacity >= Window && int.IsPow2(capacity));
        _keys = new ulong[capacity + Window];
        _ports = new ushort[capacity + Window];
        _seen = new uint[capacity + Window];
        _ageingSeconds = ageingSeconds;
        _hashKey = hashKey | 1;
        _shift = 64 - int.Log2(capacity);
    }

    /// <summary>Changes whenever a station is found elsewhere than before, or not at all; not when one is merely heard of again.</summary>
    public uint Version { get; private set; }

    /// <summary>Stations that could not be learned because their window was full of other ports' entries.</summary>
    public long NotLearned { get; private set; }

    /// <summary>The port of <paramref name="address"/>, or -1.</summary>
    /// <param name="address">An individual address.</param>
    /// <param name="vlan">VLAN id, zero for none.</param>
    /// <param name="now">Seconds of any clock that never goes back.</param>
    public int Find(MacAddress address, ushort vlan, uint now)
    {
        var key = KeyOf(address, vlan);
        var keys = _keys.AsSpan(IndexOf(key), Window);
        var found = keys.IndexOf(key);
        if (found < 0)
        {
            return -1;
        }

        var index = IndexOf(key) + found;
        return now - _seen[index] <= _ageingSeconds ? _ports[index] : -1;
    }

    /// <summary>An empty table like this one.</summary>
    public MacTable Another() => new(_keys.Length - Window, _ageingSeconds, _hashKey);

    /// <summary>Notes that <paramref name="address"/> sent a frame through <paramref name="port"/>.</summary>
    /// <returns>Whether that is news: a station that is new or elsewhere, or was not heard of in this second yet.</returns>
    public bool Learn(MacAddress address, ushort vlan, ushort port, uint now)
    {
        var key = KeyOf(address, vlan);
        var first = IndexOf(key);
        var victim = -1;
        uint victimAge = 0;
        for (var index = first; index < first + Window; index++)
        {
            if (_keys[index] == key)
            {
                var isNews = _ports[index] != port || now != _seen[index];
                if (_ports[index] != port || now - _seen[index] > _ageingSeconds)
                {
                    Version++;
                }

                _ports[index] = port;
                _seen[index] = now;
                return isNews;
            }

            // Best is a free place, then one whose station is gone, then the oldest of this port.
            var age = now - _seen[index];
            var worth = _keys[index] == 0 ? uint.MaxValue
                : age > _ageingSeconds ? uint.MaxValue - 1
                : _ports[index] == port ? age + 1 : 0;
            if (worth > victimAge)
            {
                victim = index;
                victimAge = worth;
            }
        }

        if (victim < 0)
        {
            NotLearned++;
            return false;
        }

        Version++;
        _keys[victim] = key;
        _ports[victim] = port;
        _seen[victim] = now;
        return true;
    }

    /// <summary>What was learned of <paramref name="address"/> is to be news again the next time.</summary>
    public void Unhear(MacAddress address, ushort vlan)
    {
        var key = KeyOf(address, vlan);
        var first = IndexOf(key);
        var found = _keys.AsSpan(first, Window).IndexOf(key);
        if (found >= 0)
        {
            _seen[first + found]--;
        }
    }

    /// <summary>Forgets every station behind <paramref name="port"/>.</summary>
    public void Forget(ushort port)
    {
        Version++;
        for (var index = 0; index < _keys.Length; index++)
        {
            if (_keys[index] != 0 && _ports[index] == port)
            {
                _keys[index] = 0;
            }
        }
    }

    /// <summary>Whatever was found so far may be found elsewhere from now on.</summary>
    public void Invalidate() => Version++;

    /// <summary>Stations known at <paramref name="now"/>.</summary>
    public int Count(uint now)
    {
        var count = 0;
        for (var index = 0; index < _keys.Length; index++)
        {
            if (_keys[index] != 0 && now - _seen[index] <= _ageingSeconds)
            {
                count++;
            }
        }

        return count;
    }

    /// <summary>A station in a VLAN as one number other than zero.</summary>
    public static ulong KeyOf(MacAddress address, ushort vlan) => Used | ((ulong)vlan << 48) | address.Value;

    // Multiply and take the high bits; the rotation brings the vendor part of the address into play once more.
    private int IndexOf(ulong key) => (int)(((key ^ ulong.RotateRight(key ^ _hashKey, 29)) * _hashKey * 0x9E3779B97F4A7C15) >> _shift);
}
