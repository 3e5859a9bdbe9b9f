namespace Vireo.Disks.Vhd;

/// <summary>The one's complement of the sum of all bytes but the checksum's own. [VHD] Hard Disk Footer Format, Checksum.</summary>
internal static class VhdChecksum
{
    /// <summary>Computes it over <paramref name="structure"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> structure, int checksumOffset)
    {
        var sum = 0u;
        for (var i = 0; i < structure.Length; i++)
        {
            sum += i >= checksumOffset && i < checksumOffset + sizeof(uint) ? 0u : structure[i];
        }

        return ~sum;
    }
}
