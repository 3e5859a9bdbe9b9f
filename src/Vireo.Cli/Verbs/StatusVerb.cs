using System.Net.Sockets;
using System.Text.Json;
using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary><c>vireo status</c>: whether the planes answer, and how many machines run.</summary>
internal static class StatusVerb
{
    public static async Task<int> RunAsync(VerbContext context)
    {
        Inquiry.RefuseUnknown(context, "status");
        using var host = new HostClient(context.Options.Address);
        var health = await host.GetAsync("api/health", context.Cancellation);
        var states = await StatesAsync(host, context.Cancellation);
        List<(string Name, bool Answers)> planes = context.Options.Host is not null ? []
            : [.. new[] { "storage", "switch" }.Select(plane => (plane, Answers(Path.Combine(context.Options.RunFolder, $"{plane}.sock"))))];
        var running = states.Count(static state => state == "Running");
        if (context.Options.Json)
        {
            WriteJson(context, health, planes, states.Count, running);
        }
        else
        {
            var output = context.Terminal.Out;
            output.Write($"Host plane        {health.GetProperty("status").GetString()} (process {health.GetProperty("processId").GetInt32()}, version {health.GetProperty("version").GetString()})\n");
            foreach (var (name, answers) in planes)
            {
                output.Write($"{(name == "storage" ? "Storage plane" : "Switch plane"),-17} {(answers ? "answers" : "does not answer; 'vireo up' starts it")}\n");
            }

            output.Write($"Virtual machines  {states.Count}, of which {running} run\n");
        }

        return planes.TrueForAll(static plane => plane.Answers) ? ExitStatus.Ok : ExitStatus.Error;
    }

    // The host in the words of its API; planes of another host are not seen from here.
    private static void WriteJson(VerbContext context, JsonElement health, List<(string Name, bool Answers)> planes, int machines, int running) =>
        context.Terminal.Out.Write(ArgumentValue.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WritePropertyName("host");
            health.WriteTo(writer);
            writer.WriteStartObject("planes");
            foreach (var (name, answers) in planes)
            {
                writer.WriteBoolean(name, answers);
            }

            writer.WriteEndObject();
            writer.WriteNumber("machines", machines);
            writer.WriteNumber("running", running);
            writer.WriteEndObject();
        }).GetRawText() + "\n");

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
