using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vireo.Commands.Services;
using Vireo.Host.History;
using Vireo.Host.Machines;

namespace Vireo.Host.Api;

/// <summary>
/// The routes besides commands: <c>GET /api/health</c>, <c>GET /api/events</c> (with <c>?follow=true</c> a stream of lines),
/// <c>GET /api/jobs</c>, <c>GET</c> and <c>DELETE /api/jobs/&lt;id&gt;</c> and
/// <c>GET /api/vms/&lt;id&gt;/commandline</c>. <c>POST /api/stop-actions</c> stops every running machine as it is set to be stopped with the
/// host, and answers with what could not be done.
/// </summary>
internal static class HostEndpoints
{
    private const int MaximumRows = 10_000;

    /// <summary>Adds the routes.</summary>
    public static void Map(IEndpointRouteBuilder routes, HostState state, MachineService machines, AutomaticActions actions, EventLog events, JobLog jobs, IHostSettings settings)
    {
        routes.MapGet("/api/health", () => Results.Json(
            new HealthReport(state.IsReady ? "ready" : "starting", Environment.ProcessId, settings.Facts.Version), ApiJson.Default.HealthReport));
        routes.MapPost("/api/stop-actions", async (CancellationToken cancellation) => Results.Json(await actions.StopAsync(cancellation), ApiJson.Default.IReadOnlyListString));
        routes.MapGet("/api/events", context => EventsAsync(context, events));
        routes.MapGet("/api/jobs", (int? last) => Results.Json(jobs.Last(Math.Clamp(last ?? 50, 1, MaximumRows)), ApiJson.Default.IReadOnlyListJobInfo));
        routes.MapGet("/api/jobs/{id:guid}", (Guid id) => jobs.Find(id) is { } job ? Results.Json(job, ApiJson.Default.JobInfo) : Results.NotFound());
        routes.MapDelete("/api/jobs/{id:guid}", (Guid id) => jobs.Cancel(id) ? Results.NoContent() : Results.NotFound());
        routes.MapGet("/api/vms/{id:guid}/commandline", (Guid id) => machines.Find(id) is not null && machines.CommandLine(id) is { } line
            ? Results.Text(line + "\n")
            : Results.NotFound());
    }

    private static async Task EventsAsync(HttpContext context, EventLog events)
    {
        var last = int.TryParse(context.Request.Query["last"], out var asked) ? Math.Clamp(asked, 0, MaximumRows) : 50;
        if (context.Request.Query["follow"] != "true")
        {
            await Results.Json(events.Last(last), ApiJson.Default.IReadOnlyListHostEvent).ExecuteAsync(context);
            return;
        }

        context.Response.ContentType = "application/x-ndjson";
        var listening = events.ListenAsync(context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        try
        {
            // Listening begins before the past is read, so that nothing falls between; what both contain is told once.
            var next = listening.MoveNextAsync();
            long told = 0;
            foreach (var past in events.Last(last))
            {
                Write(context, past);
                told = past.Id;
            }

            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            while (await next)
            {
                if (listening.Current.Id > told)
                {
                    Write(context, listening.Current);
                    await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
                }

                next = listening.MoveNextAsync();
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The listener left.
        }
        finally
        {
            await listening.DisposeAsync();
        }
    }

    private static void Write(HttpContext context, HostEvent happened)
    {
        context.Response.BodyWriter.Write(JsonSerializer.SerializeToUtf8Bytes(happened, ApiJson.Default.HostEvent));
        context.Response.BodyWriter.Write("\n"u8);
    }
}
