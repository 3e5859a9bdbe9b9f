namespace Vireo.Machines.Configuration;

/// <summary>
/// What a physical disk was when it was given to a machine. A device's name may stand for another disk after the next boot: a guest whose disk is not
/// the one it was given does not start, rather than write to another's.
/// </summary>
public sealed record PhysicalDiskConfiguration
{
    /// <summary>What the disk says it is (its world wide name, or its serial number); null when it says nothing.</summary>
    public string? Identity { get; set; }

    /// <summary>Capacity in bytes; 0 in a machine from elsewhere until somebody says which disk of this host it gets.</summary>
    public long SizeBytes { get; set; }
}
