using System.Globalization;
using Microsoft.Extensions.Hosting;
using Vireo.Control.Switching;

namespace Vireo.Switch.Plane;

/// <summary>Routes about extensions.</summary>
internal static partial class ControlApi
{
    private static void MapExtensions(WebApplication application, SwitchPlane plane)
    {
        application.MapGet("/v1/extensions", Answer(_ => plane.ListExtensionsAsync(), SwitchJson.Default.IReadOnlyListInstalledExtension));
        application.MapPost("/v1/extensions", Answer(
            async context => await plane.InstallExtensionAsync(await ReadAsync(context, SwitchJson.Default.InstallExtension)), SwitchJson.Default.InstalledExtension));
        application.MapDelete("/v1/extensions/{id}", Answer(context => plane.RemoveExtensionAsync(Id(context))));
        application.MapGet("/v1/extension-events", Answer(context => WaitForEventsAsync(context, plane), SwitchJson.Default.IReadOnlyListExtensionEvent));
        application.MapGet("/v1/switches/{id}/extension-data", Answer(context => plane.GetSwitchDataAsync(Id(context)), SwitchJson.Default.IReadOnlyListExtensionDataItem));
        application.MapGet("/v1/ports/{id}/extension-data", Answer(context => plane.GetPortDataAsync(Id(context)), SwitchJson.Default.IReadOnlyListExtensionDataItem));
        application.MapGet("/v1/ports/{id}/extension-state", Answer(context => plane.SavePortStateAsync(Id(context)), SwitchJson.Default.IReadOnlyListExtensionPortState));
        application.MapPut("/v1/ports/{id}/extension-state", Answer(
            async context => await plane.RestorePortStateAsync(Id(context), await ReadAsync(context, SwitchJson.Default.IReadOnlyListExtensionPortState))));
        application.MapPost("/v1/ports/{id}/notices", Answer(async context => await plane.NotifyPortAsync(Id(context), await ReadAsync(context, SwitchJson.Default.PortNotice))));
    }

    private static async Task<IReadOnlyList<ExtensionEvent>> WaitForEventsAsync(HttpContext context, SwitchPlane plane)
    {
        var after = long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

        // A reader who waits does not keep the plane from ending.
        var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            return await plane.ListExtensionEventsAsync(after, end.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return [];
        }
    }
}
