using System.Net.Sockets;
using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo status</c>: whether the planes answer, and how many machines run.</summary>
internal static class StatusVerb
{
    public static async Task<int> RunAsync(VerbContext context)
    {
        using var host = new HostClient(context.Options.Address);
        var health = await host.GetAsync("api/health", context.Cancellation);
        var states = await StatesAsync(host, context.Cancellation);
        var output = context.Terminal.Out;
        output.Write($"Host plane        {health.GetProperty("status").GetString()} (process {health.GetProperty("processId").GetInt32()}, version {health.GetProperty("version").GetString()})\n");
        var allAnswer = true;
        if (context.Options.Host is null)
        {
            foreach (var (plane, socket) in (ReadOnlySpan<(string, string)>)[("Storage plane", "storage.sock"), ("Switch plane", "switch.sock")])
            {
                var answers = Answers(Path.Combine(context.Options.RunFolder, socket));
                allAnswer &= answers;
                output.Write($"{plane,-17} {(answers ? "answers" : "does not answer; 'vireo up' starts it")}\n");
            }
        }

        output.Write($"Virtual machines  {states.Count}, of which {states.Count(static state => state == "Running")} run\n");
        return allAnswer ? ExitStatus.Ok : ExitStatus.Error;
    }

    private static async Task<List<string>> StatesAsync(HostClient host, CancellationToken cancellation)
    {
        var states = new List<string>();
        var request = new CommandRequest { Parameters = ArgumentValue.Json(static writer => { writer.WriteStartObject(); writer.WriteEndObject(); }) };
        await foreach (var record in host.SendAsync("Get-VM", request, cancellation))
        {
            if (record is ObjectRecord value && value.Value.TryGetProperty("State", out var state))
            {
                states.Add(state.GetString() ?? "");
            }
        }

        return states;
    }

    private static bool Answers(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
