using System.Buffers.Binary;

namespace Vireo.Bench.Mobility;

/// <summary>A guest whose memory is full of noise, which no compression and no look for pages of zeros makes less. It is a boot sector, and halts for good when it is done.</summary>
internal static class NoiseGuest
{
    // A VHDX has 3 MB at least.
    private const int DiskBytes = 8 << 20;
    private const int SectorBytes = 512;
    private const int CountAt = 0x2F;

    // Its own place, and what the firmware keeps at both ends.
    private const int OtherMegabytes = 2;

    /// <summary>Makes its disk.</summary>
    /// <param name="vhdx">Where.</param>
    /// <param name="megabytes">Memory that the machine will have.</param>
    public static async Task MakeAsync(string vhdx, int megabytes)
    {
        var disk = new byte[DiskBytes];
        Code.CopyTo(disk);
        BinaryPrimitives.WriteInt32LittleEndian(disk.AsSpan(CountAt), (megabytes - OtherMegabytes) << 18);
        (disk[SectorBytes - 2], disk[SectorBytes - 1]) = (0x55, 0xAA);
        var raw = $"{vhdx}.raw";
        await File.WriteAllBytesAsync(raw, disk);
        await Tool.OutputAsync("qemu-img", ["convert", "-O", "vhdx", raw, vhdx]);
        File.Delete(raw);
    }

    /// <summary>Waits until its memory is full; it says so on its first serial port.</summary>
    /// <param name="log">What came from there.</param>
    public static async Task FullAsync(string log)
    {
        while (!File.Exists(log) || new FileInfo(log).Length == 0)
        {
            await Task.Delay(50);
        }
    }

    /// <summary>
    /// cli; data segment 0; address line 20 on by port 0x92; descriptor table loaded; protected mode; then, 32 bits wide from 1 MB on, as many numbers of
    /// x = 1664525 x + 1013904223 as are written into the instruction at <see cref="CountAt"/>; 'R' to port 0x3F8; hlt. The table's three entries are at the end.
    /// </summary>
    private static ReadOnlySpan<byte> Code =>
    [
        0xFA, 0x31, 0xC0, 0x8E, 0xD8, 0xE4, 0x92, 0x0C, 0x02, 0xE6, 0x92, 0x66, 0x0F, 0x01, 0x16, 0x6C, 0x7C, 0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0, 0x66, 0xEA, 0x21, 0x7C, 0x00, 0x00, 0x08,
        0x00, 0x66, 0xB8, 0x10, 0x00, 0x8E, 0xD8, 0x8E, 0xC0, 0xBF, 0x00, 0x00, 0x10, 0x00, 0xB9, 0x44, 0x33, 0x22, 0x11, 0xB8, 0x78, 0x56, 0x34, 0x12, 0x69, 0xC0, 0x0D, 0x66, 0x19, 0x00, 0x05, 0x5F,
        0xF3, 0x6E, 0x3C, 0xAB, 0x49, 0x75, 0xF1, 0x66, 0xBA, 0xF8, 0x03, 0xB0, 0x52, 0xEE, 0xF4, 0xEB, 0xFD, 0x8D, 0x76, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00,
        0x00, 0x9A, 0xCF, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x92, 0xCF, 0x00, 0x17, 0x00, 0x54, 0x7C, 0x00, 0x00,
    ];
}
