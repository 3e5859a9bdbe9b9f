using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Vireo.Surface;
using Vireo.Testing;

namespace Vireo.Cli.Tests;

/// <summary>A host that answers what a test tells it to, on a socket where the client looks for it.</summary>
internal sealed class FakeHost : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly WebApplication _application;
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource<Answer>> _answers = new();

    private FakeHost(Func<string, CommandRequest, FakeHost, IAsyncEnumerable<string>> answer)
    {
        Directory.CreateDirectory(_folder["run"]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.ListenUnixSocket(Path.Combine(_folder["run"], "host.sock"));
            options.ListenUnixSocket(Path.Combine(_folder["run"], "console.sock"));
        });
        _application = builder.Build();
        _application.MapPost("/api/commands/{name}", async (HttpContext context) =>
        {
            var request = (await JsonSerializer.DeserializeAsync(context.Request.Body, SurfaceJson.Default.CommandRequest))!;
            var name = (string)context.Request.RouteValues["name"]!;
            Requests.Enqueue((name, request));
            context.Response.ContentType = CommandRecord.MediaType;
            await using var left = context.RequestAborted.Register(() => Aborted.TrySetResult());
            await foreach (var line in answer(name, request, this))
            {
                await context.Response.WriteAsync(line + "\n");
                await context.Response.Body.FlushAsync();
            }
        });
        _application.MapGet("/api/consoles", () => Results.Text("[{}]", "application/json"));
        _application.MapGet("/api/health", () => Results.Text("""{"status":"ready","processId":7,"version":"1"}""", "application/json"));
        _application.MapGet("/api/events", async (HttpContext context) =>
        {
            // One happening, and nothing more for as long as anybody waits.
            context.Response.ContentType = CommandRecord.MediaType;
            await using var left = context.RequestAborted.Register(() => Aborted.TrySetResult());
            await context.Response.WriteAsync("""{"time":"2024-01-01T00:00:00Z","kind":"Something","message":"happened"}""" + "\n");
            await context.Response.Body.FlushAsync();
            await Aborted.Task;
        });
        _application.MapPost("/api/questions/{id:guid}", async (HttpContext context) =>
        {
            var reply = (await JsonSerializer.DeserializeAsync(context.Request.Body, SurfaceJson.Default.QuestionReply))!;
            Answered(Guid.Parse((string)context.Request.RouteValues["id"]!)).TrySetResult(reply.Answer);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        });
    }

    /// <summary>The root folder that <c>--root</c> names.</summary>
    public string Root => _folder.Path;

    /// <summary>What was asked.</summary>
    public ConcurrentQueue<(string Command, CommandRequest Request)> Requests { get; } = new();

    /// <summary>Done when a client left before the end.</summary>
    public TaskCompletionSource Aborted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Starts a host that answers each command by lines.</summary>
    public static async Task<FakeHost> StartAsync(Func<string, CommandRequest, FakeHost, IAsyncEnumerable<string>> answer)
    {
        var host = new FakeHost(answer);
        await host._application.StartAsync();
        return host;
    }

    /// <summary>Starts a host that answers each command by the same lines and an end.</summary>
    public static Task<FakeHost> StartAsync(Func<string, CommandRequest, IEnumerable<string>> answer) =>
        StartAsync((command, request, _) => Lines(answer(command, request)));

    /// <summary>The answer to a question.</summary>
    public Task<Answer> AnswerOf(Guid question) => Answered(question).Task;

    /// <summary>A machine as an object record.</summary>
    public static string Machine(string name, string state = "Running") =>
        $$$"""{"record":"object","type":"Microsoft.HyperV.PowerShell.VirtualMachine","value":{"Id":"{{{Guid.NewGuid()}}}","Name":"{{{name}}}","State":"{{{state}}}","CPUUsage":7,"MemoryAssigned":1073741824,"Uptime":"00:01:02.3450000","Status":"Operating normally","Version":"1.0"}}""";

    /// <summary>The end record.</summary>
    public const string End = """{"record":"end","status":"completed","errors":0}""";

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        _folder.Dispose();
    }

    private TaskCompletionSource<Answer> Answered(Guid id) =>
        _answers.GetOrAdd(id, static _ => new TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously));

    private static async IAsyncEnumerable<string> Lines(IEnumerable<string> lines)
    {
        foreach (var line in lines)
        {
            yield return line;
        }

        yield return End;
        await Task.CompletedTask;
    }
}
