using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Hosting;
using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Switch.Tracing;

namespace Vireo.Switch.Plane;

/// <summary>
/// The control API: JSON over HTTP on a Unix socket that only the owner of the plane can open. Every change can be repeated. A refusal
/// has a <see cref="ControlError"/> as its body.
/// </summary>
internal static partial class ControlApi
{
    private static readonly ReadOnlyMemory<byte> s_lineEnd = new byte[] { (byte)'\n' };

    /// <summary>Adds the routes.</summary>
    public static void Map(WebApplication application, SwitchPlane plane)
    {
        application.MapGet("/v1/health", Answer(async _ => await plane.GetHealthAsync(), SwitchJson.Default.SwitchHealth));
        application.MapGet("/v1/interfaces", Answer(_ => Task.FromResult(plane.ListInterfaces()), SwitchJson.Default.IReadOnlyListNetworkInterfaceInfo));
        application.MapGet("/v1/switches", Answer(_ => plane.ListSwitchesAsync(), SwitchJson.Default.IReadOnlyListSwitchStatus));
        application.MapGet("/v1/switches/{id}", Answer(context => plane.GetSwitchAsync(Id(context)), SwitchJson.Default.SwitchStatus));
        application.MapPut("/v1/switches/{id}", Answer(
            async context =>
            {
                var asked = await ReadAsync(context, SwitchJson.Default.SwitchSpecification);
                RequireSameId(Id(context), asked.Id);
                await plane.PutSwitchAsync(asked);
                return await plane.GetSwitchAsync(asked.Id);
            },
            SwitchJson.Default.SwitchStatus));
        application.MapDelete("/v1/switches/{id}", Answer(context => plane.RemoveSwitchAsync(Id(context))));
        application.MapGet("/v1/ports", Answer(_ => plane.ListPortsAsync(), SwitchJson.Default.IReadOnlyListPortStatus));
        application.MapGet("/v1/ports/{id}", Answer(context => plane.GetPortAsync(Id(context)), SwitchJson.Default.PortStatus));
        application.MapPut("/v1/ports/{id}", Answer(
            async context =>
            {
                var asked = await ReadAsync(context, SwitchJson.Default.PortSpecification);
                RequireSameId(Id(context), asked.Id);
                await plane.PutPortAsync(asked);
                return await plane.GetPortAsync(asked.Id);
            },
            SwitchJson.Default.PortStatus));
        application.MapPost("/v1/ports/{id}/probe", Answer(
            async context => await plane.ProbeAsync(Id(context), await ReadAsync(context, SwitchJson.Default.ProbeRequest), context.RequestAborted), SwitchJson.Default.ProbeReport));
        application.MapPost("/v1/trace", Guard(context => FollowAsync(context, plane.Traces)));
        application.MapGet("/v1/traces", Answer(_ => Task.FromResult(plane.Traces.List()), SwitchJson.Default.IReadOnlyListTraceStatus));
        application.MapPut("/v1/traces/{id}", Answer(async context => await plane.Traces.CaptureAsync(Id(context), await ReadAsync(context, SwitchJson.Default.TraceRequest))));
        application.MapDelete("/v1/traces/{id}", Answer(context => plane.Traces.EndAsync(Id(context))));
        application.MapDelete("/v1/ports/{id}", Answer(context => plane.RemovePortAsync(Id(context))));
        MapExtensions(application, plane);
    }

    /// <summary>Tells of frames, one JSON object a line, until the reader goes away.</summary>
    private static async Task FollowAsync(HttpContext context, TraceSessions traces)
    {
        var request = await ReadAsync(context, SwitchJson.Default.TraceRequest);
        var session = await traces.FollowAsync(request);

        // A reader who stays does not keep the plane from ending.
        var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            context.Response.ContentType = "application/x-ndjson";
            await context.Response.StartAsync(end.Token);
            await context.Response.Body.FlushAsync(end.Token);
            while (await session.Traces.WaitToReadAsync(end.Token))
            {
                while (session.Traces.TryRead(out var trace))
                {
                    await JsonSerializer.SerializeAsync(context.Response.Body, trace.ToReport(), SwitchJson.Default.FrameReport, end.Token);
                    await context.Response.Body.WriteAsync(s_lineEnd, end.Token);
                }

                await context.Response.Body.FlushAsync(end.Token);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The reader has seen enough.
        }
        finally
        {
            await traces.EndAsync(session.Id);
        }
    }

    private static RequestDelegate Answer(Func<HttpContext, Task> handle) => Guard(async context =>
    {
        await handle(context);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    });

    private static RequestDelegate Answer<T>(Func<HttpContext, Task<T>> handle, JsonTypeInfo<T> type) => Guard(async context =>
    {
        var answer = await handle(context);
        await context.Response.WriteAsJsonAsync(answer, type);
    });

    private static RequestDelegate Guard(RequestDelegate handle) => async context =>
    {
        try
        {
            await handle(context);
        }
        catch (ControlException exception)
        {
            await RefuseAsync(context, exception.Error);
        }
        catch (Exception exception) when (exception is not OperationCanceledException && !context.Response.HasStarted)
        {
            var log = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("ControlApi");
            LogFailed(log, exception, context.Request.Path);
            await RefuseAsync(context, new ControlError("OperationFailed", "NotSpecified", $"The switch plane failed: {exception.Message}", context.Request.Path));
        }
    };

    private static Task RefuseAsync(HttpContext context, ControlError error)
    {
        context.Response.StatusCode = error.Category switch
        {
            "InvalidArgument" => StatusCodes.Status400BadRequest,
            "ObjectNotFound" => StatusCodes.Status404NotFound,
            "ResourceBusy" => StatusCodes.Status409Conflict,
            _ => StatusCodes.Status500InternalServerError,
        };
        return context.Response.WriteAsJsonAsync(error, SwitchJson.Default.ControlError);
    }

    private static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted)
                ?? throw Refusals.Invalid("The request has no body.", context.Request.Path);
        }
        catch (JsonException exception)
        {
            throw Refusals.Invalid($"The body of the request cannot be read: {exception.Message}", context.Request.Path, exception);
        }
    }

    private static Guid Id(HttpContext context)
    {
        var text = context.Request.RouteValues["id"] as string;
        return Guid.TryParse(text, out var id) ? id : throw Refusals.Invalid($"'{text}' is not an id.", text);
    }

    private static void RequireSameId(Guid path, Guid body)
    {
        if (path != body)
        {
            throw Refusals.Invalid($"The path names {path:D}, the body {body:D}.", body.ToString("D"));
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The request {Path} failed")]
    private static partial void LogFailed(ILogger log, Exception exception, string path);
}
