using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Vireo.Disks.Vhdx;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of every checked structure in a VHDX file.</summary>
public static class Crc32C
{
    /// <summary>The checksum of <paramref name="data"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => ~Continue(uint.MaxValue, data);

    /// <summary>The checksum of a structure whose own four checksum bytes at <paramref name="checksumOffset"/> count as zeros.</summary>
    public static uint ComputeWithout(ReadOnlySpan<byte> structure, int checksumOffset)
    {
        var crc = Continue(uint.MaxValue, structure[..checksumOffset]);
        crc = BitOperations.Crc32C(crc, 0u);
        return ~Continue(crc, structure[(checksumOffset + sizeof(uint))..]);
    }

    private static uint Continue(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(data))
        {
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        }

        foreach (var value in data[(data.Length / sizeof(ulong) * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return crc;
    }
}
