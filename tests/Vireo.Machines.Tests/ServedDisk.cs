using System.Diagnostics;

namespace Vireo.Machines.Tests;

/// <summary>A disk file served by one of QEMU's own servers.</summary>
internal sealed class ServedDisk : IDisposable
{
    private readonly Process _server;

    private ServedDisk(Process server, string socket)
    {
        _server = server;
        Socket = socket;
    }

    public string Socket { get; }

    public static Task<ServedDisk> NbdAsync(string folder, byte[] content, string name = "nbd")
    {
        var image = Path.Combine(folder, $"{name}.img");
        File.WriteAllBytes(image, content);
        return NbdAsync(folder, image, name);
    }

    public static Task<ServedDisk> NbdAsync(string folder, string image, string name)
    {
        var socket = Path.Combine(folder, name);
        return StartAsync("qemu-nbd", ["--persistent", "--shared=4", "--format=raw", $"--socket={socket}", image], socket);
    }

    public static Task<ServedDisk> VhostUserAsync(string folder, byte[] content, string name)
    {
        var image = Path.Combine(folder, $"{name}.img");
        File.WriteAllBytes(image, content);
        return VhostUserAsync(folder, image, name);
    }

    public static Task<ServedDisk> VhostUserAsync(string folder, string image, string name)
    {
        var socket = Path.Combine(folder, name);
        return StartAsync(
            "qemu-storage-daemon",
            [
                "--blockdev", $"driver=file,node-name=disk,filename={image}",
                "--export", $"type=vhost-user-blk,id=export,node-name=disk,writable=on,addr.type=unix,addr.path={socket}",
            ],
            socket);
    }

    public void Dispose()
    {
        _server.Kill();
        _server.WaitForExit();
        _server.Dispose();
    }

    private static async Task<ServedDisk> StartAsync(string program, string[] arguments, string socket)
    {
        var disk = new ServedDisk(Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, UseShellExecute = false })!, socket);
        await Until.TrueAsync(() => File.Exists(socket), $"{program} (package qemu-utils or qemu-system-common) serves {socket}");
        return disk;
    }
}
