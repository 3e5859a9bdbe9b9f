using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vireo.Switch.Pipeline.Flows;

/// <summary>
/// Conversations that went the long way this second, four places for each hash: a newer one takes a place that holds nothing of this second, or else that of
/// an older one. Owned by one packet thread.
/// </summary>
internal sealed class FlowCache
{
    private const int Places = 16_384;
    private const int Ways = 4;
    private readonly FlowEntry[] _entries = new FlowEntry[Places];

    // The hash of what is at each place, so that one look finds the right one of four.
    private readonly uint[] _hashes = new uint[Places];

    // Allowed: nobody may foresee the places; which conversations share some changes how long they take, not what becomes of them.
    private readonly ulong _secret = (ulong)Random.Shared.NextInt64();

    /// <summary>What is at a place.</summary>
    public ref readonly FlowEntry this[int place] => ref _entries[place];

    /// <summary>Where <paramref name="key"/> is; less than 65,535, and negative when it is nowhere.</summary>
    public int Find(in Vector256<ulong> key)
    {
        var hash = FlowKey.Hash(key, _secret);
        var first = FirstOf(hash);
        var fitting = Vector128.Equals(Vector128.Create<uint>(_hashes.AsSpan(first, Ways)), Vector128.Create(hash)).ExtractMostSignificantBits();
        for (; fitting != 0; fitting &= fitting - 1)
        {
            var place = first + BitOperations.TrailingZeroCount(fitting);
            if (_entries[place].Key == key)
            {
                return place;
            }
        }

        return -1;
    }

    /// <summary>Puts a conversation where it is already, where nothing of this second is, or in the place of another one.</summary>
    public void Put(in FlowEntry entry)
    {
        var hash = FlowKey.Hash(entry.Key, _secret);
        var place = Find(entry.Key);
        if (place < 0)
        {
            var first = FirstOf(hash);
            place = first + (int)(hash >> 30);
            for (var way = 0; way < Ways; way++)
            {
                if (_entries[first + way].Source is null || _entries[first + way].Second != entry.Second)
                {
                    place = first + way;
                    break;
                }
            }
        }

        _entries[place] = entry;
        _hashes[place] = hash;
    }

    /// <summary>Forgets what refers to <paramref name="port"/>, which is gone.</summary>
    public void Forget(PortState port)
    {
        foreach (ref var entry in _entries.AsSpan())
        {
            if (entry.Source == port || entry.Receiver == port)
            {
                entry = default;
            }
        }
    }

    private static int FirstOf(uint hash) => (int)(hash & ((Places / Ways) - 1)) * Ways;
}
