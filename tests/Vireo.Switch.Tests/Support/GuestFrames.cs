using System.Buffers.Binary;
using Vireo.Testing.Guests;

namespace Vireo.Switch.Tests.Support;

/// <summary>
/// Has a guest send any bytes as a frame, and collect frames of the type 0x88B5. The small guests have no tool for it, so a program of 138
/// bytes of machine code is written into them; its source is below.
/// </summary>
internal static class GuestFrames
{
    private const string Program = "/tmp/frames";

    // _start: mov (%rsp),%rbx; socket(AF_PACKET, SOCK_RAW, argc < 2 ? 0 : htons(0x88B5)); r12 = it; sub $2048,%rsp
    // argc < 2:  n = read(0, rsp, 2048); sendto(r12, rsp, n, 0, {AF_PACKET, 0, interface 2}, 20); exit(result < 0)
    // otherwise: for (;;) write(1, rsp, read(r12, rsp, 2048))
    private const string Code =
        "488b1c246a29586a115f6a035e31d24883fb027c05ba88b500000f054189c44881ec000800004883fb027d4031c031ff4889e6ba000800000f0589c26a006a0048b8110000000200"
        + "0000506a2c584489e7488d7424184531d24989e06a1441590f0589c7c1ff1f6a3c580f0531c04489e74889e6ba000800000f0589c26a01586a015f4889e60f05ebe2";

    /// <summary>Puts the program into a guest whose adapter is interface number 2, as the first one of every guest is.</summary>
    public static async Task InstallAsync(SerialShell shell)
    {
        await shell.CheckAsync($"echo {Convert.ToBase64String(Elf())} | busybox base64 -d >{Program}; chmod +x {Program}");
        Assert.Equal("2", (await shell.CheckAsync("cat /sys/class/net/eth0/ifindex")).Trim());
    }

    /// <summary>Sends frames, one after the other.</summary>
    public static async Task SendAsync(SerialShell shell, params byte[][] frames)
    {
        foreach (var frame in frames)
        {
            await shell.CheckAsync($"echo {Convert.ToBase64String(frame)} | busybox base64 -d | {Program}");
        }
    }

    /// <summary>Begins to collect; returns when the program listens, and the one before it does no more.</summary>
    public static async Task CollectAsync(SerialShell shell)
    {
        const string listens = "grep -q ' 88b5 ' /proc/net/packet";
        await shell.CheckAsync($"killall frames 2>/dev/null; while {listens}; do usleep 50000; done");
        await shell.CheckAsync($": >/tmp/collected; {Program} collect >/tmp/collected 2>/dev/null &");
        await shell.CheckAsync($"until {listens}; do usleep 50000; done");
    }

    /// <summary>What has come so far.</summary>
    public static async Task<byte[]> CollectedAsync(SerialShell shell) =>
        Convert.FromBase64String((await shell.CheckAsync("busybox base64 /tmp/collected | busybox tr -d '\\n'")).Trim());

    /// <summary>An ELF file with one segment: headers and code.</summary>
    private static byte[] Elf()
    {
        const ulong address = 0x40_0000;
        const int headers = 64 + 56;
        var code = Convert.FromHexString(Code);
        var file = new byte[headers + code.Length];
        ReadOnlySpan<byte> identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(file);
        Write16(16, 2);
        Write16(18, 62);
        Write32(20, 1);
        Write64(24, address + headers);
        Write64(32, 64);
        Write16(52, 64);
        Write16(54, 56);
        Write16(56, 1);
        Write32(64, 1);
        Write32(68, 5);
        Write64(80, address);
        Write64(88, address);
        Write64(96, (ulong)file.Length);
        Write64(104, (ulong)file.Length);
        Write64(112, 0x1000);
        code.CopyTo(file, headers);
        return file;

        void Write16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);
        void Write32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
        void Write64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);
    }
}
