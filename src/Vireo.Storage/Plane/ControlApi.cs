using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vireo.Control;
using Vireo.Control.Storage;

namespace Vireo.Storage.Plane;

/// <summary>The control API: JSON over HTTP. Types in <c>Vireo.Control.Storage</c>; every refusal is a <see cref="ControlError"/>.</summary>
internal sealed partial class ControlApi(DiskRegistry disks, ImageService images, ImageCreations creations, ILogger<ControlApi> logger)
{
    /// <summary>Longest request body.</summary>
    public const long MaximumBodyBytes = 1 << 20;

    // Less than clients wait for an answer.
    private static readonly TimeSpan s_stalledPatience = TimeSpan.FromSeconds(30);

    /// <summary>Adds the routes.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/health", Handle(context => Answer(context, disks.Health, StorageJson.Default.StorageHealth)));
        routes.MapGet("/v1/disks", Handle(context => Answer(context, disks.List(), StorageJson.Default.IReadOnlyListDiskStatus)));
        routes.MapGet("/v1/counters", Handle(context => Answer(context, disks.ListCounters(), StorageJson.Default.IReadOnlyListDiskCounters)));
        routes.MapGet("/v1/stalled", Handle(StalledAsync));
        routes.MapGet("/v1/disks/{id}", Handle(context => Answer(context, disks.Get(Id(context)).Status, StorageJson.Default.DiskStatus)));
        routes.MapPut("/v1/disks/{id}", Handle(PutDiskAsync));
        routes.MapDelete("/v1/disks/{id}", Handle(async context =>
        {
            await disks.DeleteAsync(Id(context)).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        routes.MapPost("/v1/disks/{id}/layers", Handle(async context =>
        {
            var layer = await ReadAsync(context, StorageJson.Default.LayerSpecification).ConfigureAwait(false);
            await Answer(context, await disks.InsertLayerAsync(Id(context), layer).ConfigureAwait(false), StorageJson.Default.DiskStatus).ConfigureAwait(false);
        }));
        routes.MapGet("/v1/disks/{id}/layers/{name}", Handle(
            context => Answer(context, disks.GetLayer(Id(context), Name(context)), StorageJson.Default.LayerStatus)));
        routes.MapPut("/v1/disks/{id}/layers/{name}", Handle(async context =>
        {
            var layer = await ReadAsync(context, StorageJson.Default.LayerSpecification).ConfigureAwait(false);
            await Answer(
                context, await disks.ChangeLayerAsync(Id(context), layer with { Name = Name(context) }).ConfigureAwait(false), StorageJson.Default.DiskStatus).ConfigureAwait(false);
        }));
        routes.MapGet("/v1/disks/{id}/meter", Handle(context => Answer(context, disks.Get(Id(context)).Meter, StorageJson.Default.DiskMeter)));
        routes.MapDelete("/v1/disks/{id}/layers/{name}", Handle(async context =>
        {
            await disks.RemoveLayerAsync(Id(context), Name(context)).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        MapCopies(routes);
        routes.MapPost("/v1/images", Handle(async context =>
        {
            await creations.CreateAsync(await ReadAsync(context, StorageJson.Default.CreateImage).ConfigureAwait(false), context.RequestAborted).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        routes.MapPost("/v1/images/work", Handle(async context =>
        {
            var work = await ReadAsync(context, StorageJson.Default.ImageWork).ConfigureAwait(false);
            await images.WorkAsync(work, context).ConfigureAwait(false);
        }));
        routes.MapPost("/v1/images/end-work", Handle(async context =>
        {
            var path = await ReadAsync(context, StorageJson.Default.ImagePath).ConfigureAwait(false);
            await images.EndWorkAsync(path.Path).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        routes.MapGet("/v1/parents", Handle(context => Answer(context, disks.ParentFolders, StorageJson.Default.ParentFolders)));
        routes.MapPut("/v1/parents", Handle(async context =>
        {
            await disks.SetParentFoldersAsync(await ReadAsync(context, StorageJson.Default.ParentFolders).ConfigureAwait(false)).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        routes.MapPost("/v1/images/inspect", Handle(async context =>
        {
            var path = await ReadAsync(context, StorageJson.Default.ImagePath).ConfigureAwait(false);
            await Answer(context, await images.InspectAsync(path.Path).ConfigureAwait(false), StorageJson.Default.ImageInfo).ConfigureAwait(false);
        }));
    }

    private void MapCopies(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/disks/{id}/snapshot", Handle(async context =>
        {
            var request = await ReadAsync(context, StorageJson.Default.TakeSnapshot).ConfigureAwait(false);
            await Answer(context, await disks.SnapshotAsync(Id(context), request).ConfigureAwait(false), StorageJson.Default.DiskStatus).ConfigureAwait(false);
        }));
        routes.MapPost("/v1/disks/{id}/mirror", Handle(async context =>
        {
            var request = await ReadAsync(context, StorageJson.Default.StartMirror).ConfigureAwait(false);
            await Answer(context, await disks.StartMirrorAsync(Id(context), request).ConfigureAwait(false), StorageJson.Default.CopyStatus).ConfigureAwait(false);
        }));
        routes.MapPost("/v1/disks/{id}/mirror/complete", Handle(async context =>
        {
            // Without a body the target takes over.
            var request = context.Request.ContentLength is null or 0 ? new CompleteMirror() : await ReadAsync(context, StorageJson.Default.CompleteMirror).ConfigureAwait(false);
            await Answer(context, await disks.CompleteMirrorAsync(Id(context), request.End).ConfigureAwait(false), StorageJson.Default.DiskStatus).ConfigureAwait(false);
        }));
        routes.MapPost("/v1/disks/{id}/merge", Handle(async context =>
        {
            var request = await ReadAsync(context, StorageJson.Default.StartMerge).ConfigureAwait(false);
            await Answer(context, await disks.StartMergeAsync(Id(context), request).ConfigureAwait(false), StorageJson.Default.CopyStatus).ConfigureAwait(false);
        }));
        routes.MapPost("/v1/disks/{id}/layers/{name}/checkpoints", Handle(async context =>
        {
            var checkpoint = await ReadAsync(context, StorageJson.Default.ChangeCheckpoint).ConfigureAwait(false);
            await disks.ChangeCheckpointsAsync(Id(context), Name(context), layer => layer.AddCheckpoint(checkpoint.Name)).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        routes.MapDelete("/v1/disks/{id}/layers/{name}/checkpoints/{checkpoint}", Handle(async context =>
        {
            var checkpoint = (string)context.Request.RouteValues["checkpoint"]!;
            await disks.ChangeCheckpointsAsync(Id(context), Name(context), layer => layer.RemoveCheckpoint(checkpoint)).ConfigureAwait(false);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }));
        foreach (var (path, kind) in new[] { ("mirror", CopyKind.Mirror), ("merge", CopyKind.Merge) })
        {
            routes.MapGet($"/v1/disks/{{id}}/{path}", Handle(context => Answer(context, disks.GetCopy(Id(context), kind), StorageJson.Default.CopyStatus)));
            routes.MapPatch($"/v1/disks/{{id}}/{path}", Handle(async context =>
            {
                var rate = await ReadAsync(context, StorageJson.Default.CopyRate).ConfigureAwait(false);
                await Answer(context, await disks.SetCopyRateAsync(Id(context), kind, rate.BytesPerSecond).ConfigureAwait(false), StorageJson.Default.CopyStatus).ConfigureAwait(false);
            }));
            routes.MapDelete($"/v1/disks/{{id}}/{path}", Handle(async context =>
            {
                await (kind == CopyKind.Mirror ? disks.CancelMirrorAsync(Id(context)) : disks.CancelMergeAsync(Id(context))).ConfigureAwait(false);
                context.Response.StatusCode = StatusCodes.Status204NoContent;
            }));
        }
    }

    private static Guid Id(HttpContext context)
    {
        var text = (string?)context.Request.RouteValues["id"];
        return Guid.TryParse(text, out var id) ? id : throw PlaneErrors.Invalid($"'{text}' is not the id of a disk, which is a GUID.", text);
    }

    private static string Name(HttpContext context) => (string)context.Request.RouteValues["name"]!;

    private static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted).ConfigureAwait(false)
                ?? throw PlaneErrors.Invalid("The request has an empty body.", null);
        }
        catch (JsonException exception)
        {
            throw PlaneErrors.Invalid($"The request cannot be read: {exception.Message}", null, exception);
        }
    }

    private static Task Answer<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        return JsonSerializer.SerializeAsync(context.Response.Body, value, type, context.RequestAborted);
    }

    private async Task PutDiskAsync(HttpContext context)
    {
        var attachment = await ReadAsync(context, StorageJson.Default.DiskAttachment).ConfigureAwait(false);
        if (attachment.Id != Id(context))
        {
            throw PlaneErrors.Invalid($"The body is about the disk {attachment.Id}, the address about {Id(context)}.", attachment.Id.ToString());
        }

        var replace = string.Equals(context.Request.Query["replace"], "true", StringComparison.OrdinalIgnoreCase);
        await Answer(context, await disks.PutAsync(attachment, replace).ConfigureAwait(false), StorageJson.Default.DiskStatus).ConfigureAwait(false);
    }

    private async Task StalledAsync(HttpContext context)
    {
        var known = long.TryParse(context.Request.Query["known"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

        // A reader who waits does not keep the plane from ending.
        var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        await Answer(context, await disks.Stalled.AfterAsync(known, s_stalledPatience, end.Token).ConfigureAwait(false), StorageJson.Default.StalledDisks).ConfigureAwait(false);
    }

    private RequestDelegate Handle(Func<HttpContext, Task> handler) => async context =>
    {
        ControlError error;
        try
        {
            await handler(context).ConfigureAwait(false);
            return;
        }
        catch (ControlException exception)
        {
            error = exception.Error;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        catch (Exception exception)
        {
            LogDefect(logger, exception, context.Request.Path);
            error = new ControlError("OperationFailed", "NotSpecified", $"The storage plane failed: {exception.Message}", null);
        }

        context.Response.StatusCode = PlaneErrors.StatusOf(error);
        await Answer(context, error, StorageJson.Default.ControlError).ConfigureAwait(false);
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "The request to '{Path}' ended with a defect")]
    private static partial void LogDefect(ILogger logger, Exception exception, string path);
}
