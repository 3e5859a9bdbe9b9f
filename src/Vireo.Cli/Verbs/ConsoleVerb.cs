using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Vireo.Client;

namespace Vireo.Cli.Verbs;

/// <summary>
/// <c>vireo console NAME</c>: the terminal becomes the machine's serial line; Ctrl-] leaves. With <c>--screen</c> its screen is offered to VNC viewers,
/// on a socket that only this user reaches, or with <c>--port</c> on a port of this machine. With <c>--lines</c> what the line carried last is shown, and that is all.
/// </summary>
internal static class ConsoleVerb
{
    private const byte Leave = 0x1d; // Ctrl-]

    public static async Task<int> RunAsync(VerbContext context)
    {
        var (name, device, port, lines) = Parse(context.Arguments);
        using var host = new HostClient(context.Options.Address.ForConsoles());
        var id = await FindAsync(host, name, context.Cancellation);
        if (device == "screen")
        {
            return await ShowAsync(context, host, name, id, port);
        }

        if (lines is not null)
        {
            await WritePastAsync(context, host, id, device, lines);
            return ExitStatus.Ok;
        }

        await using var line = await host.UpgradeAsync($"api/consoles/{id}/{device}", "vireo-console", context.Cancellation);
        context.Terminal.WriteNote($"Connected to the console of {name}. Ctrl-] leaves.");
        await WritePastAsync(context, host, id, device, lines: null);
        using var raw = RawTerminal.Enter();
        await RelayAsync(line, Console.OpenStandardInput(), Console.OpenStandardOutput());
        return ExitStatus.Ok;
    }

    private static async Task WritePastAsync(VerbContext context, HostClient host, Guid id, string device, int? lines)
    {
        var answer = await host.GetAsync($"api/consoles/{id}?port={device[^1]}{(lines is null ? "" : $"&lines={lines}")}", context.Cancellation);
        foreach (var past in answer.GetProperty("lines").EnumerateArray())
        {
            context.Terminal.Out.Write(past.GetString() + "\n");
        }

        context.Terminal.Out.Flush();
    }

    /// <summary>Carries bytes both ways until the user leaves or the machine closes the line.</summary>
    internal static async Task RelayAsync(Stream line, Stream input, Stream output)
    {
        using var done = new CancellationTokenSource();
        var incoming = line.CopyToAsync(output, done.Token);
        var outgoing = Task.Run(
            async () =>
            {
                var buffer = new byte[256];
                for (; ; )
                {
                    // A read of a terminal cannot be cancelled: the task is left behind when the machine closes the line.
                    var count = await input.ReadAsync(buffer, CancellationToken.None);
                    var leave = buffer.AsSpan(0, count).IndexOf(Leave);
                    await line.WriteAsync(buffer.AsMemory(0, leave < 0 ? count : leave), CancellationToken.None);
                    if (count == 0 || leave >= 0)
                    {
                        return;
                    }
                }
            },
            CancellationToken.None);
        await Task.WhenAny(incoming, outgoing);
        await done.CancelAsync();
    }

    private static (string Name, string Device, int? Port, int? Lines) Parse(IReadOnlyList<string> arguments)
    {
        var name = "";
        var device = "com1";
        int? port = null;
        int? lines = null;
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--com2":
                    device = "com2";
                    break;
                case "--screen":
                    device = "screen";
                    break;
                case "--port" when i + 1 < arguments.Count && int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 0 and <= 65_535:
                    port = number;
                    i++;
                    break;
                case "--lines" when i + 1 < arguments.Count && int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var count):
                    lines = count;
                    i++;
                    break;
                default:
                    name = name.Length == 0 && !arguments[i].StartsWith("--", StringComparison.Ordinal)
                        ? arguments[i]
                        : throw new CliException("InvalidParameter", $"'{arguments[i]}' is not understood: 'vireo console NAME [--com2] [--lines NUMBER]' or 'vireo console NAME --screen [--port NUMBER]'.");
                    break;
            }
        }

        return name.Length == 0 ? throw new CliException("MissingArgument", "Say which machine: 'vireo console NAME'.")
            : port is not null && device != "screen" ? throw new CliException("InvalidParameter", "A port goes with --screen.")
            : lines is not null && device == "screen" ? throw new CliException("InvalidParameter", "A screen has no lines: --lines goes with a serial console.")
            : (name, device, port, lines);
    }

    /// <summary>Offers the screen until the user ends it; each viewer is a connection of its own.</summary>
    private static async Task<int> ShowAsync(VerbContext context, HostClient host, string name, Guid id, int? port)
    {
        // Whether there is a screen is found out before somebody starts a viewer.
        await (await host.UpgradeAsync($"api/consoles/{id}/screen", "vireo-console", context.Cancellation)).DisposeAsync();
        var folder = port is null ? Directory.CreateTempSubdirectory("vireo-").FullName : null;
        try
        {
            using var listener = folder is not null
                ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                listener.Bind(folder is not null ? new UnixDomainSocketEndPoint(Path.Combine(folder, "screen")) : new IPEndPoint(IPAddress.Loopback, port!.Value));
            }
            catch (SocketException refused)
            {
                throw new CliException("ResourceUnavailable", $"The port {port} cannot be listened on: {refused.Message}.", ExitStatus.Error);
            }

            listener.Listen();
            context.Terminal.Out.Write(folder is not null
                ? $"The screen of {name} is at {Path.Combine(folder, "screen")}; for example 'vncviewer {Path.Combine(folder, "screen")}'. Ctrl-C ends it.\n"
                : $"The screen of {name} is at {listener.LocalEndPoint}, for everybody on this machine. Ctrl-C ends it.\n");
            context.Terminal.Out.Flush();
            while (true)
            {
                _ = ServeAsync(await listener.AcceptAsync(context.Cancellation), host, id, context.Cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            return ExitStatus.Ok;
        }
        finally
        {
            if (folder is not null)
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static async Task ServeAsync(Socket viewer, HostClient host, Guid id, CancellationToken cancellation)
    {
        try
        {
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            await using var near = new NetworkStream(viewer, ownsSocket: true);
            await using var far = await host.UpgradeAsync($"api/consoles/{id}/screen", "vireo-console", cancellation);
            await Task.WhenAny(near.CopyToAsync(far, over.Token), far.CopyToAsync(near, over.Token));
            await over.CancelAsync();
        }
        catch (Exception left) when (left is IOException or OperationCanceledException or HostUnreachableException)
        {
            // The viewer is told by the end of its connection.
        }
    }

    private static async Task<Guid> FindAsync(HostClient host, string name, CancellationToken cancellation)
    {
        var answer = await host.GetAsync("api/consoles", cancellation);
        var found = answer.EnumerateArray().Where(machine => string.Equals(machine.GetProperty("name").GetString(), name, StringComparison.OrdinalIgnoreCase)).ToList();
        return found is [var only] ? only.GetProperty("id").GetGuid() : throw new CliException(
            "InvalidParameter",
            found.Count == 0 ? $"There is no virtual machine '{name}' whose console you may open; 'Grant-VMConnectAccess' lets users in." : $"'{name}' means {found.Count} virtual machines; rename one.",
            ExitStatus.Error);
    }

    /// <summary>The terminal without line editing and signals, until disposed.</summary>
    private sealed class RawTerminal(string saved) : IDisposable
    {
        public static RawTerminal? Enter()
        {
            if (Console.IsInputRedirected)
            {
                return null;
            }

            var saved = Stty("-g").Trim();
            Stty("raw", "-echo");
            return new RawTerminal(saved);
        }

        public void Dispose()
        {
            Stty(saved);
            Console.Error.Write("\n");
        }

        private static string Stty(params string[] arguments)
        {
            var start = new ProcessStartInfo("stty") { UseShellExecute = false, RedirectStandardOutput = true };
            foreach (var argument in arguments)
            {
                start.ArgumentList.Add(argument);
            }

            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return output;
        }
    }
}
