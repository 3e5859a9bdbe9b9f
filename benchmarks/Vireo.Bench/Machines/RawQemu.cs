using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Vireo.Bench.Machines;

/// <summary>A guest in QEMU with nobody above it, with the devices that Vireo gives its guests, and its monitor (QMP).</summary>
internal sealed class RawQemu : IDisposable
{
    private readonly Process _process;
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly StreamReader _reader;

    private RawQemu(Process process, string socket)
    {
        _process = process;
        _socket.Connect(new UnixDomainSocketEndPoint(socket));
        _reader = new StreamReader(new NetworkStream(_socket), Encoding.UTF8);
    }

    /// <summary>Starts one and returns when its monitor says that it runs.</summary>
    /// <param name="folder">For its sockets <c>NAME.qmp</c>, <c>NAME.com1</c>, <c>NAME.com2</c> and the log of the first port.</param>
    /// <param name="name">Its name.</param>
    /// <param name="megabytes">Its memory.</param>
    /// <param name="drive">Its IDE disk, as options of <c>-drive</c>.</param>
    /// <param name="network">Network namespace that it runs in; null is this program's.</param>
    /// <param name="more">More arguments; with <c>-incoming</c> it waits for a guest.</param>
    public static async Task<RawQemu> StartAsync(string folder, string name, int megabytes, string drive, string? network = null, IReadOnlyList<string>? more = null)
    {
        var qmp = Path.Combine(folder, $"{name}.qmp");
        string[] arguments =
        [
            "-name", name, "-no-user-config", "-nodefaults", "-machine", "pc,usb=off,hpet=off,memory-backend=memory", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,svm=off,la57=off",
            "-smp", "1", "-m", $"{megabytes}", "-object", $"memory-backend-memfd,id=memory,size={megabytes}M,share=on", "-display", "none", "-device", "VGA",
            "-device", "virtio-balloon-pci", "-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy", "-device", "virtio-serial-pci",
            "-chardev", $"socket,id=com1,path={folder}/{name}.com1,server=on,wait=off,logfile={folder}/{name}.com1.log", "-device", "isa-serial,chardev=com1",
            "-chardev", $"socket,id=com2,path={folder}/{name}.com2,server=on,wait=off", "-device", "isa-serial,chardev=com2",
            "-drive", $"{drive},id=disk,if=none", "-device", "ide-hd,drive=disk,bus=ide.0", "-device", "ide-cd,bus=ide.1", "-nic", "none", "-qmp", $"unix:{qmp},server=on,wait=off",
            .. more ?? [],
        ];
        File.Delete(qmp);

        // 'ip netns exec' becomes the program.
        var process = Process.Start(network is null
            ? new ProcessStartInfo("qemu-system-x86_64", arguments) { UseShellExecute = false }
            : new ProcessStartInfo("ip", ["netns", "exec", network, "qemu-system-x86_64", .. arguments]) { UseShellExecute = false })!;
        while (!File.Exists(qmp) || !Listens(qmp))
        {
            if (process.HasExited)
            {
                throw new InvalidOperationException("QEMU ended: its errors are above.");
            }

            await Task.Delay(1);
        }

        var qemu = new RawQemu(process, qmp);
        await qemu._reader.ReadLineAsync();
        await qemu.DoAsync("qmp_capabilities");
        while ((string?)(await qemu.DoAsync("query-status"))["status"] is not ("running" or "inmigrate"))
        {
            await Task.Delay(1);
        }

        return qemu;
    }

    /// <summary>Runs one of QEMU's commands.</summary>
    public async Task<JsonNode> DoAsync(string command, JsonObject? arguments = null)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        await _socket.SendAsync(Encoding.UTF8.GetBytes(request.ToJsonString()));
        while (true)
        {
            var answer = JsonNode.Parse(await _reader.ReadLineAsync() ?? throw new InvalidOperationException("QEMU ended."))!;
            if (answer["error"] is { } error)
            {
                throw new InvalidOperationException($"{command}: {error}");
            }

            if (answer["return"] is { } result)
            {
                return result;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _reader.Dispose();
        _socket.Dispose();
    }

    private static bool Listens(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
