using System.Globalization;
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
        application.MapGet("/v1/extension-events", Answer(
            context => plane.ListExtensionEventsAsync(
                long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out var after) ? after : 0, context.RequestAborted),
            SwitchJson.Default.IReadOnlyListExtensionEvent));
        application.MapGet("/v1/switches/{id}/extension-data", Answer(context => plane.GetSwitchDataAsync(Id(context)), SwitchJson.Default.IReadOnlyListExtensionDataItem));
        application.MapGet("/v1/ports/{id}/extension-data", Answer(context => plane.GetPortDataAsync(Id(context)), SwitchJson.Default.IReadOnlyListExtensionDataItem));
        application.MapGet("/v1/ports/{id}/extension-state", Answer(context => plane.SavePortStateAsync(Id(context)), SwitchJson.Default.IReadOnlyListExtensionPortState));
        application.MapPut("/v1/ports/{id}/extension-state", Answer(
            async context => await plane.RestorePortStateAsync(Id(context), await ReadAsync(context, SwitchJson.Default.IReadOnlyListExtensionPortState))));
        application.MapPost("/v1/ports/{id}/notices", Answer(async context => await plane.NotifyPortAsync(Id(context), await ReadAsync(context, SwitchJson.Default.PortNotice))));
    }
}
