namespace Vireo.Switch.Acls;

/// <summary>What a rule has seen. Written by the packet thread only; others read the numbers as they stand.</summary>
internal sealed class AclCounter
{
    /// <summary>Frames that it decided, or metered.</summary>
    public long Frames { get; set; }

    /// <summary>Bytes of those.</summary>
    public long Bytes { get; set; }

    /// <summary>Names the life of the counter since <see cref="Begin"/>, for whoever follows it. Of the control side, as <see cref="BytesBefore"/>.</summary>
    public Guid Generation { get; private set; } = Guid.NewGuid();

    /// <summary><see cref="Bytes"/> at the last <see cref="Begin"/>.</summary>
    public long BytesBefore { get; private set; }

    /// <summary>The port is made anew, or the count was read from a file.</summary>
    public void Begin()
    {
        BytesBefore = Bytes;
        Generation = Guid.NewGuid();
    }
}
