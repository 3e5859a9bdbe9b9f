namespace Vireo.Switch.Pipeline;

/// <summary>A set of VLAN ids, zero (frames without a VLAN) to 4095. Immutable.</summary>
internal sealed class VlanSet : IEquatable<VlanSet>
{
    private readonly ulong[] _bits = new ulong[64];

    private VlanSet()
    {
    }

    /// <summary>Every VLAN, and frames without one.</summary>
    public static VlanSet All { get; } = CreateAll();

    /// <summary>Just these.</summary>
    public static VlanSet Of(params ReadOnlySpan<ushort> vlans)
    {
        var set = new VlanSet();
        foreach (var vlan in vlans)
        {
            set._bits[vlan >> 6] |= 1UL << (vlan & 63);
        }

        return set;
    }

    /// <summary>Whether <paramref name="vlan"/>, at most 4095, belongs to the set.</summary>
    public bool Contains(ushort vlan) => (_bits[(vlan >> 6) & 63] & (1UL << (vlan & 63))) != 0;

    /// <inheritdoc/>
    public bool Equals(VlanSet? other) => other is not null && _bits.AsSpan().SequenceEqual(other._bits);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as VlanSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(_bits.AsSpan()));
        return hash.ToHashCode();
    }

    private static VlanSet CreateAll()
    {
        var set = new VlanSet();
        Array.Fill(set._bits, ulong.MaxValue);
        return set;
    }
}
