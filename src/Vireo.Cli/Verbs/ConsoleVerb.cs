using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo console NAME</c>: the terminal becomes the machine's serial line; Ctrl-] leaves.</summary>
internal static class ConsoleVerb
{
    private const byte Leave = 0x1d; // Ctrl-]

    public static async Task<int> RunAsync(VerbContext context)
    {
        if (context.Arguments is not [var name])
        {
            throw new CliException("MissingArgument", "Say which machine: 'vireo console NAME'.");
        }

        using var host = new HostClient(context.Options.Address);
        var id = await FindAsync(host, name, context.Cancellation);
        var answer = await host.GetAsync($"api/vms/{id}/console", context.Cancellation);
        var path = answer.TryGetProperty("socket", out var value) ? value.GetString() : null;
        if (string.IsNullOrEmpty(path))
        {
            throw new CliException("InvalidState", $"The virtual machine '{name}' has no serial console now; start it with 'vireo Start-VM {name}'.", ExitStatus.Error);
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), context.Cancellation);
        }
        catch (SocketException error)
        {
            throw new CliException("ResourceUnavailable", $"The console of '{name}' cannot be reached at {path} ({error.Message}); is another console attached?", ExitStatus.Error);
        }

        context.Terminal.WriteNote($"Connected to the console of {name}. Ctrl-] leaves.");
        if (answer.TryGetProperty("lines", out var lines) && lines.ValueKind == JsonValueKind.Array)
        {
            foreach (var past in lines.EnumerateArray())
            {
                context.Terminal.Out.Write(past.GetString() + "\n");
            }

            context.Terminal.Out.Flush();
        }

        using var raw = RawTerminal.Enter();
        using var line = new NetworkStream(socket);
        await RelayAsync(line, Console.OpenStandardInput(), Console.OpenStandardOutput());
        return ExitStatus.Ok;
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

    private static async Task<Guid> FindAsync(HostClient host, string name, CancellationToken cancellation)
    {
        var request = new CommandRequest
        {
            Parameters = ArgumentValue.Json(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("Name", name);
                writer.WriteEndObject();
            }),
        };
        var found = new List<Guid>();
        await foreach (var record in host.SendAsync("Get-VM", request, cancellation))
        {
            if (record is ObjectRecord value)
            {
                found.Add(value.Value.GetProperty("Id").GetGuid());
            }
            else if (record is ErrorRecord error)
            {
                throw new CliException(error.ErrorId, error.Message, ExitStatus.Error);
            }
        }

        return found is [var only] ? only : throw new CliException(
            "InvalidParameter", found.Count == 0 ? $"There is no virtual machine '{name}'." : $"'{name}' means {found.Count} virtual machines; name one.", ExitStatus.Error);
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
