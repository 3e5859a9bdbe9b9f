namespace Vireo.Switch.Acls;

/// <summary>What a rule has seen. Written by the packet thread only; others read the numbers as they stand.</summary>
internal sealed class AclCounter
{
    /// <summary>Frames that it decided, or metered.</summary>
    public long Frames { get; set; }

    /// <summary>Bytes of those.</summary>
    public long Bytes { get; set; }
}
