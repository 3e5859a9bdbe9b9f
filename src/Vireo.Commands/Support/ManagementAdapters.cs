using Microsoft.HyperV.PowerShell;
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

    /// <summary>The adapters that objects from Get-VMNetworkAdapter stand for; those that are gone are written as errors.</summary>
    public static IReadOnlyList<(SwitchConfiguration On, ManagementAdapterConfiguration Adapter)> OfObjects(CommandContext context, IEnumerable<VMNetworkAdapterBase> objects)
    {
        var all = Find(context, null, null);
        List<(SwitchConfiguration, ManagementAdapterConfiguration)> found = [];
        foreach (var one in objects)
        {
            var index = all.ToList().FindIndex(place => one.Id.EndsWith($":{place.Adapter.Id:D}", StringComparison.OrdinalIgnoreCase));
            if (index >= 0)
            {
                found.Add(all[index]);
            }
            else
            {
                context.WriteError(Errors.Invalid($"The network adapter '{one.Name}' of the management operating system does not exist any more.", one.Id));
            }
        }

        return found;
    }

    /// <summary>Changes, or with a null result removes, adapters that the caller agrees to; <paramref name="change"/> sees each as it is at that moment.</summary>
    public static async Task ChangeAsync(
        CommandContext context, IEnumerable<(SwitchConfiguration On, ManagementAdapterConfiguration Adapter)> found, string action,
        Func<ManagementAdapterConfiguration, ManagementAdapterConfiguration?> change, bool passthru)
    {
        var switches = context.Service<ISwitches>();
        var host = context.Service<IHostSettings>().Facts.Name;
        foreach (var (on, adapter) in found)
        {
            if (!await context.ShouldProcessAsync(adapter.Name, action))
            {
                continue;
            }

            try
            {
                var shown = adapter;
                var after = await switches.ChangeAsync(
                    on.Id,
                    current =>
                    {
                        var now = current.ManagementAdapters.FirstOrDefault(other => other.Id == adapter.Id)
                            ?? throw Errors.Invalid($"The network adapter '{adapter.Name}' of the management operating system does not exist any more.", adapter.Name);
                        var changed = change(now);
                        if (changed is null)
                        {
                            SwitchRules.RequireNotDefault(current, "left by the management operating system");
                        }

                        shown = changed ?? now;
                        return current with
                        {
                            ManagementAdapters =
                            [
                                .. current.ManagementAdapters.Where(other => changed is not null || other.Id != adapter.Id).Select(other => other.Id == adapter.Id ? changed! : other),
                            ],
                        };
                    },
                    context.Cancellation);
                if (passthru)
                {
                    context.WriteObject(ModelMapper.ManagementAdapter(after, shown, host));
                }
            }
            catch (CommandException refused)
            {
                // The others are changed all the same.
                context.WriteError(refused);
            }
        }
    }
}
