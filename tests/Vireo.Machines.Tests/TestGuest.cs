namespace Vireo.Machines.Tests;

/// <summary>
/// A guest of one sector, see <c>TestGuest.s</c> beside this file: it writes <c>hello</c> to COM 1, counts timer ticks, and obeys
/// letters from COM 1: c prints the counter, s switches off, r restarts, p reports a panic. The power button switches it off.
/// </summary>
internal static class TestGuest
{
    // as TestGuest.s -o guest.o && objcopy -O binary guest.o guest.bin && base64 -w0 guest.bin
    private const string Code =
        "+jHAjtiO0LwAfGbHBgAGAAAAALoCBrgAAe++l3zoaAD79Ppm/wYABroABu2pAAF1QLr9A+yoAXTnuvgD7DxzdDA8cnQ1PHB0NzxjddNmix4ABrkIAGbBwwSI2CQPBDA8OXYC"
        + "BAfoKgDi67AK6CMA66+6BAa4ACDv66aw/uZk66C6BQWwAe7rmKyEwHQJ6AIA6/a6+APuw2hlbGxvCgA=";

    /// <summary>A disk of 1 MiB with the guest in its boot sector.</summary>
    public static byte[] ToDisk()
    {
        var disk = new byte[1 << 20];
        Convert.FromBase64String(Code).CopyTo(disk, 0);
        disk[510] = 0x55;
        disk[511] = 0xAA;
        return disk;
    }
}
