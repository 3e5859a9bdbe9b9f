using Vireo.Platform;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Inspection;

/// <summary>
/// Which port uses which network address, per VLAN: learned from ARP, neighbor discovery and DHCP answers. Who was first keeps an address
/// until it has been silent for some time or its port is gone; a lease lasts as long as the server said. For any thread.
/// </summary>
/// <remarks>
/// An open hash table like <see cref="Pipeline.MacTable"/>, with the same rule: where a window is full, a port displaces only the oldest
/// entry of its own, so nobody can push out another one's address. The number of the version is odd while somebody writes, which happens for ARP, neighbor
/// discovery and DHCP, and keeps others from writing; who only reads reads again when the version has changed meanwhile.
/// </remarks>
internal sealed class AddressBook
{
    private const int Window = 8;
    private readonly Entry[] _entries;
    private readonly ulong _hashKey;
    private readonly int _shift;
    private int _version;

    /// <summary>An empty book.</summary>
    /// <param name="capacity">A power of two.</param>
    /// <param name="hashKey">Random.</param>
    public AddressBook(int capacity, ulong hashKey)
    {
        Invariant.Check(capacity >= Window && int.IsPow2(capacity));
        _entries = new Entry[capacity + Window];
        _hashKey = hashKey | 1;
        _shift = 64 - int.Log2(capacity);
    }

    /// <summary>Somebody behind <paramref name="port"/> says that it has <paramref name="address"/>.</summary>
    /// <returns>False, and nothing changes, when another station behind another port has it.</returns>
    public bool TryClaim(UInt128 address, ushort vlan, MacAddress station, ushort port, uint now, uint seconds)
    {
        BeginWrite();
        var isFree = TryClaimNow(address, vlan, station, port, now, seconds);
        EndWrite();
        return isFree;
    }

    /// <summary>The port sends from <paramref name="address"/>: if it has the address, it keeps it for <paramref name="seconds"/> from now on.</summary>
    public void Refresh(UInt128 address, ushort vlan, ushort port, uint now, uint seconds)
    {
        if (!TryRead(address, vlan, out var known) || known.Port != port || (int)(now + seconds - known.Until) <= 0)
        {
            return;
        }

        BeginWrite();
        var index = Find(address, vlan);
        if (index >= 0 && _entries[index].Port == port)
        {
            Extend(ref _entries[index], now + seconds);
        }

        EndWrite();
    }

    /// <summary>A DHCP server gave <paramref name="address"/> to the station behind <paramref name="port"/>, whoever had it before.</summary>
    public void Grant(UInt128 address, ushort vlan, MacAddress station, ushort port, uint now, uint seconds)
    {
        const uint longest = 1U << 30;
        var until = now + Math.Clamp(seconds, 1, longest);
        BeginWrite();
        var index = Find(address, vlan);
        if (index < 0)
        {
            Insert(address, vlan, station, port, now, until);
        }
        else
        {
            _entries[index] = _entries[index] with { Port = port, Station = station.Value, Until = until };
        }

        EndWrite();
    }

    /// <summary>Port that has <paramref name="address"/>, or -1.</summary>
    public int Owner(UInt128 address, ushort vlan, uint now) =>
        TryRead(address, vlan, out var entry) && (int)(entry.Until - now) >= 0 ? entry.Port : -1;

    /// <summary>The station that has <paramref name="address"/>, or null.</summary>
    public MacAddress? StationOf(UInt128 address, ushort vlan, uint now) =>
        TryRead(address, vlan, out var entry) && (int)(entry.Until - now) >= 0 ? new MacAddress(entry.Station) : null;

    /// <summary>Frees every address of <paramref name="port"/>.</summary>
    public void Forget(ushort port)
    {
        BeginWrite();
        for (var index = 0; index < _entries.Length; index++)
        {
            if (_entries[index].IsUsed && _entries[index].Port == port)
            {
                _entries[index] = default;
            }
        }

        EndWrite();
    }

    private bool TryClaimNow(UInt128 address, ushort vlan, MacAddress station, ushort port, uint now, uint seconds)
    {
        var index = Find(address, vlan);
        if (index < 0)
        {
            Insert(address, vlan, station, port, now, now + seconds);
            return true;
        }

        ref var entry = ref _entries[index];
        if (entry.Port != port && entry.Station != station.Value && (int)(entry.Until - now) >= 0)
        {
            return false;
        }

        entry.Port = port;
        entry.Station = station.Value;
        Extend(ref entry, now + seconds);
        return true;
    }

    private void BeginWrite()
    {
        var wait = default(SpinWait);
        while (true)
        {
            var version = Volatile.Read(ref _version);
            if ((version & 1) == 0 && Interlocked.CompareExchange(ref _version, version + 1, version) == version)
            {
                return;
            }

            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void EndWrite() => Volatile.Write(ref _version, _version + 1);

    /// <summary>Copies the entry of an address as it was at one moment.</summary>
    private bool TryRead(UInt128 address, ushort vlan, out Entry entry)
    {
        var wait = default(SpinWait);
        while (true)
        {
            var version = Volatile.Read(ref _version);
            var index = Find(address, vlan);
            entry = index < 0 ? default : _entries[index];

            // What was read above was read before the version is read again.
            Interlocked.MemoryBarrier();
            if ((version & 1) == 0 && Volatile.Read(ref _version) == version)
            {
                return index >= 0;
            }

            wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    private static void Extend(ref Entry entry, uint until)
    {
        if ((int)(until - entry.Until) > 0)
        {
            entry.Until = until;
        }
    }

    private int Find(UInt128 address, ushort vlan)
    {
        var first = IndexOf(address, vlan);
        for (var index = first; index < first + Window; index++)
        {
            ref var entry = ref _entries[index];
            if (entry.IsUsed && entry.Address == address && entry.Vlan == vlan)
            {
                return index;
            }
        }

        return -1;
    }

    private void Insert(UInt128 address, ushort vlan, MacAddress station, ushort port, uint now, uint until)
    {
        var first = IndexOf(address, vlan);
        var victim = -1;
        var worst = int.MinValue;
        for (var index = first; index < first + Window; index++)
        {
            ref var entry = ref _entries[index];
            var left = (int)(entry.Until - now);
            var worth = !entry.IsUsed ? int.MaxValue : left < 0 ? int.MaxValue - 1 : entry.Port == port ? -left : int.MinValue;
            if (worth > worst)
            {
                victim = index;
                worst = worth;
            }
        }

        if (victim >= 0)
        {
            _entries[victim] = new Entry(true, address, vlan, port, station.Value, until);
        }
    }

    private int IndexOf(UInt128 address, ushort vlan)
    {
        var key = (ulong)address ^ ulong.RotateLeft((ulong)(address >> 64), 17) ^ ((ulong)vlan << 40);
        return (int)(((key ^ ulong.RotateRight(key ^ _hashKey, 29)) * _hashKey * 0x9E3779B97F4A7C15) >> _shift);
    }

    private record struct Entry(bool IsUsed, UInt128 Address, ushort Vlan, ushort Port, ulong Station, uint Until);
}
