using System.Runtime.Intrinsics;

namespace Vireo.Switch.Pipeline.Flows;

/// <summary>
/// Conversations that went the long way this second, one place for each hash: a newer one takes the place of an older one. Owned by one packet
/// thread.
/// </summary>
internal sealed class FlowCache
{
    private const int Places = 4096;
    private readonly FlowEntry[] _entries = new FlowEntry[Places];

    // Allowed: nobody may foresee the places; which two conversations share one changes how long they take, not what becomes of them.
    private readonly ulong _secret = (ulong)Random.Shared.NextInt64();

    /// <summary>What is at a place.</summary>
    public ref FlowEntry this[int place] => ref _entries[place];

    /// <summary>The place of <paramref name="key"/>, whatever is there; less than 65,535.</summary>
    public int PlaceOf(in Vector256<ulong> key) => (int)(FlowKey.Hash(key, _secret) & (Places - 1));

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
}
