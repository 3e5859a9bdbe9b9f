namespace Vireo.Bench.Machines;

/// <summary>The smallest guest: a boot sector that halts the processor for good.</summary>
internal static class TinyGuest
{
    /// <summary>Memory that it gets, in megabytes.</summary>
    public const int MemoryMegabytes = 32;

    private const int DiskBytes = 1 << 20;

    /// <summary>Makes its disk as plain sectors and as VHDX.</summary>
    public static async Task<(string Raw, string Vhdx)> MakeAsync(MachinesBench bench)
    {
        // cli; hlt; jmp back to the hlt.
        var disk = new byte[DiskBytes];
        ((ReadOnlySpan<byte>)[0xFA, 0xF4, 0xEB, 0xFD]).CopyTo(disk);
        (disk[510], disk[511]) = (0x55, 0xAA);
        var (raw, vhdx) = (bench["tiny.raw"], bench["tiny.vhdx"]);
        await File.WriteAllBytesAsync(raw, disk);
        File.SetUnixFileMode(raw, (UnixFileMode)0b110_110_110);
        await Tool.OutputAsync("qemu-img", ["convert", "-O", "vhdx", raw, vhdx]);
        return (raw, vhdx);
    }
}
