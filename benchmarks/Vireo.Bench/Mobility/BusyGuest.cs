using Vireo.Testing.Guests;

namespace Vireo.Bench.Mobility;

/// <summary>A guest that changes its memory at a steady rate and answers on its network.</summary>
internal static class BusyGuest
{
    /// <summary>Its memory.</summary>
    public const int MemoryMegabytes = 256;

    /// <summary>About what it changes in a second.</summary>
    public const int DirtyMegabytes = 20;

    /// <summary>Has a guest that is up begin. One block of noise is written over another, so that each page differs each time.</summary>
    /// <param name="shell">Of the guest.</param>
    /// <param name="address">That it is to have.</param>
    public static async Task BeginAsync(SerialShell shell, string address)
    {
        await shell.CheckAsync($"ip address add {address}/24 dev eth0; ip link set eth0 up");
        await shell.CheckAsync($"nc -l -p {Listener.Port} -e cat >/dev/null 2>&1 </dev/null &");
        await shell.ListensAsync(Listener.Port);
        await shell.CheckAsync("cd /dev/shm && head -c 4194304 /dev/urandom >a && head -c 4194304 /dev/urandom >b && head -c 33554432 /dev/urandom >noise");
        await shell.CheckAsync("(while :; do cat a >c; usleep 190000; cat b >c; usleep 190000; done) >/dev/null 2>&1 &");
    }
}
