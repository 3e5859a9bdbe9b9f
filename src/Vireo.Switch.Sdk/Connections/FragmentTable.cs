namespace Vireo.Switch.Sdk;

/// <summary>
/// Packets in parts whose first part was let pass, so that the others follow it. A fixed number of places: a newer packet takes the place of an older one with
/// the same hash, whose late parts are then dropped.
/// </summary>
internal sealed class FragmentTable(ulong secret)
{
    private const int Places = 1024;
    private const uint SecondsMax = 30;
    private readonly Entry[] _entries = new Entry[Places];

    /// <summary>The first part was let pass.</summary>
    public void Allow(in ConnectionKey key, uint identification, uint now) => _entries[IndexOf(key, identification)] = new Entry(key, identification, now, true);

    /// <summary>Whether the first part was let pass, less than half a minute ago.</summary>
    public bool IsAllowed(in ConnectionKey key, uint identification, uint now)
    {
        ref var entry = ref _entries[IndexOf(key, identification)];
        return entry.IsUsed && entry.Identification == identification && entry.Key == key && unchecked(now - entry.Seen) <= SecondsMax;
    }

    private int IndexOf(in ConnectionKey key, uint identification) => (int)((key.Hash(secret) ^ (identification * 0x9E37_79B9UL)) & (Places - 1));

    private readonly record struct Entry(ConnectionKey Key, uint Identification, uint Seen, bool IsUsed);
}
