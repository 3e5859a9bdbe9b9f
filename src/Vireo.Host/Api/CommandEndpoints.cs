using System.Buffers;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vireo.Commands.Framework;
using Vireo.Platform.Text;
using Vireo.Surface;

namespace Vireo.Host.Api;

/// <summary>What the command routes need of the host.</summary>
public interface ICommandHost
{
    /// <summary>The commands it offers.</summary>
    CommandRegistry Registry { get; }

    /// <summary>Where running commands wait for answers.</summary>
    QuestionDesk Questions { get; }

    /// <summary>Runs a command; <paramref name="records"/> ends with an end record, whatever happens.</summary>
    Task RunAsync(CommandDescriptor descriptor, CommandRequest request, string caller, RecordStream records, CancellationToken cancellation);

    /// <summary>Starts a command that goes on when the caller leaves, and gives its job.</summary>
    Guid StartJob(CommandDescriptor descriptor, CommandRequest request, string caller);

    /// <summary>Name of the caller, for the audit.</summary>
    string CallerOf(HttpContext context);
}

/// <summary>
/// The routes of commands: <c>POST /api/commands/&lt;Verb-Noun&gt;</c>, <c>POST /api/questions/&lt;id&gt;</c>, <c>GET /api/commands</c>
/// and <c>GET /api/openapi.json</c>.
/// </summary>
public static class CommandEndpoints
{
    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes, ICommandHost host)
    {
        ArgumentNullException.ThrowIfNull(routes);
        ArgumentNullException.ThrowIfNull(host);
        routes.MapPost("/api/commands/{name}", context => RunAsync(context, host));
        routes.MapPost("/api/questions/{id:guid}", context => ReplyAsync(context, host));
        routes.MapGet("/api/commands", context => ListAsync(context, host));
        routes.MapGet("/api/openapi.json", context => DescribeAsync(context, host));
    }

    private static async Task RunAsync(HttpContext context, ICommandHost host)
    {
        var records = new RecordStream();
        var name = (string)context.Request.RouteValues["name"]!;
        if (host.Registry.Find(name) is not { } descriptor)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            Refuse(records, null, "CommandNotFoundException", ErrorCategory.ObjectNotFound, $"There is no command '{name}'; 'vireo help' lists the commands.");
            await SendAsync(context.Response, records);
            return;
        }

        CommandRequest request;
        try
        {
            request = await JsonSerializer.DeserializeAsync(context.Request.Body, SurfaceJson.Default.CommandRequest, context.RequestAborted) ?? new CommandRequest();
            UnicodeJson.RequireUnicode(request.Parameters);
        }
        catch (JsonException error)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            Refuse(records, descriptor.Info, "InvalidRequest", ErrorCategory.InvalidArgument, $"{descriptor.Info.Name}: the request is not what it must be: {error.Message}");
            await SendAsync(context.Response, records);
            return;
        }

        if (request.AsJob && descriptor.Info.SupportsAsJob)
        {
            records.Job(host.StartJob(descriptor, request with { AsJob = false, Interactive = false }, host.CallerOf(context)));
            records.End("completed");
            await SendAsync(context.Response, records);
            return;
        }

        // The command stops when the client goes away: that is how a client cancels.
        var run = host.RunAsync(descriptor, request, host.CallerOf(context), records, context.RequestAborted);
        await SendAsync(context.Response, records);
        await run;
    }

    private static void Refuse(RecordStream records, CommandInfo? command, string errorId, ErrorCategory category, string message)
    {
        records.Error(new CommandException(errorId, category, message), command, terminating: true);
        records.End("failed");
    }

    private static async Task SendAsync(HttpResponse response, RecordStream records)
    {
        response.ContentType = CommandRecord.MediaType;
        response.Headers.CacheControl = "no-store";
        ChannelReader<ReadOnlyMemory<byte>> lines = records.Lines;

        // Reading goes on to the end even when the client has left, so that the command can finish its cancellation.
        while (await lines.WaitToReadAsync(CancellationToken.None))
        {
            if (records.IsRefused && !response.HasStarted)
            {
                response.StatusCode = StatusCodes.Status400BadRequest;
            }

            while (lines.TryRead(out var line))
            {
                response.BodyWriter.Write(line.Span);
            }

            await response.BodyWriter.FlushAsync(CancellationToken.None);
        }
    }

    private static async Task ReplyAsync(HttpContext context, ICommandHost host)
    {
        var id = Guid.Parse((string)context.Request.RouteValues["id"]!);
        QuestionReply? reply;
        try
        {
            reply = await JsonSerializer.DeserializeAsync(context.Request.Body, SurfaceJson.Default.QuestionReply, context.RequestAborted);
        }
        catch (JsonException)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        context.Response.StatusCode = reply is not null && host.Questions.Reply(id, reply.Answer)
            ? StatusCodes.Status204NoContent
            : StatusCodes.Status404NotFound;
    }

    private static Task ListAsync(HttpContext context, ICommandHost host) => WriteAsync(context.Response, writer =>
    {
        writer.WriteStartArray();
        foreach (var descriptor in host.Registry.Commands)
        {
            writer.WriteStartObject();
            writer.WriteString("name", descriptor.Info.Name);
            writer.WriteString("synopsis", descriptor.Info.Synopsis);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private static Task DescribeAsync(HttpContext context, ICommandHost host) => WriteAsync(
        context.Response, writer => OpenApiDocument.Write(writer, host.Registry, typeof(CommandEndpoints).Assembly.GetName().Version?.ToString(3) ?? "0"));

    private static async Task WriteAsync(HttpResponse response, Action<Utf8JsonWriter> write)
    {
        response.ContentType = "application/json";
        using (var writer = new Utf8JsonWriter(response.BodyWriter))
        {
            write(writer);
        }

        await response.BodyWriter.FlushAsync(response.HttpContext.RequestAborted);
    }
}
