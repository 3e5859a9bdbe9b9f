using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Changes adapters of the management operating system.</summary>
internal static class ManagementAdapters
{
    /// <summary>The adapters whose names and switch fit.</summary>
    public static IReadOnlyList<(SwitchConfiguration On, ManagementAdapterConfiguration Adapter)> Find(CommandContext context, string? name, string? switchName)
    {
        var found = context.Service<ISwitches>().All
            .Where(on => switchName is null || Wildcard.Matches(switchName, on.Name))
            .SelectMany(on => on.ManagementAdapters.Select(adapter => (On: on, Adapter: adapter)))
            .Where(place => name is null || Wildcard.Matches(name, place.Adapter.Name))
            .ToList();
        return found.Count == 0 && name is not null && !Wildcard.IsPattern(name)
            ? throw Errors.Invalid($"The management operating system has no network adapter named '{name}'.", name)
            : found;
    }

    /// <summary>Changes, or with a null result removes, the adapters whose names and switch fit.</summary>
    public static async Task ChangeAsync(
        CommandContext context, string? name, string? switchName, string action,
        Func<ManagementAdapterConfiguration, ManagementAdapterConfiguration?> change, bool passthru)
    {
        var switches = context.Service<ISwitches>();
        var host = context.Service<IHostSettings>().Facts.Name;
        foreach (var (on, adapter) in Find(context, name, switchName))
        {
            if (!await context.ShouldProcessAsync(adapter.Name, action))
            {
                continue;
            }

            var changed = change(adapter);
            if (changed is null)
            {
                SwitchRules.RequireNotDefault(on, "left by the management operating system");
            }

            var after = await switches.ChangeAsync(
                on.Id,
                current => current with
                {
                    ManagementAdapters =
                    [
                        .. current.ManagementAdapters.Where(other => changed is not null || other.Id != adapter.Id).Select(other => other.Id == adapter.Id ? changed! : other),
                    ],
                },
                context.Cancellation);
            if (passthru)
            {
                context.WriteObject(ModelMapper.ManagementAdapter(after, changed ?? adapter, host));
            }
        }
    }
}
