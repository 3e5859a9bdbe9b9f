using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>An adapter of a machine, found again by its identity.</summary>
internal readonly record struct AdapterRef(VirtualMachineConfiguration Machine, Guid Adapter);

/// <summary>Base of the commands that change network adapters of machines.</summary>
public abstract class AdapterCommand : MachineCommand
{
    /// <summary>Adapters that were given as objects.</summary>
    private protected static IEnumerable<AdapterRef> FromObjects(CommandContext context, IEnumerable<VMNetworkAdapterBase> adapters)
    {
        var service = context.Service<IMachines>();
        foreach (var adapter in adapters)
        {
            var machine = service.Find(adapter.VMId);
            if (machine is not null && machine.NetworkAdapters.Any(candidate => candidate.Id == adapter.PartId()))
            {
                yield return new AdapterRef(machine, adapter.PartId());
            }
            else
            {
                context.WriteError(Errors.Invalid(
                    adapter.IsManagementOs
                        ? $"The adapter '{adapter.Name}' belongs to the management operating system; use -ManagementOS."
                        : $"The network adapter '{adapter.Name}' does not exist any more.",
                    adapter.Id));
            }
        }
    }

    /// <summary>Adapters of machines whose names match; all of them without names.</summary>
    private protected static IEnumerable<AdapterRef> OfMachines(CommandContext context, IEnumerable<VirtualMachineConfiguration> machines, string[]? names)
    {
        foreach (var machine in machines)
        {
            foreach (var adapter in machine.NetworkAdapters.Where(adapter => names is null || names.Any(name => Wildcard.Matches(name, adapter.Name))))
            {
                yield return new AdapterRef(machine, adapter.Id);
            }

            foreach (var missing in (names ?? []).Where(name => !Wildcard.IsPattern(name) && !machine.NetworkAdapters.Any(adapter => Wildcard.Matches(name, adapter.Name))))
            {
                context.WriteError(Errors.Invalid($"The virtual machine '{machine.Name}' has no network adapter named '{missing}'.", missing));
            }
        }
    }

    /// <summary>Changes each adapter the caller agrees to; <paramref name="change"/> sees the machine as it is at that moment.</summary>
    private protected static async Task ChangeAdaptersAsync(
        CommandContext context,
        IEnumerable<AdapterRef> adapters,
        string actionName,
        Func<VirtualMachineConfiguration, MachineStatus, NetworkAdapterConfiguration, NetworkAdapterConfiguration?> change,
        bool passthru)
    {
        var service = context.Service<IMachines>();
        var facts = context.Service<IHostSettings>().Facts;
        foreach (var reference in adapters)
        {
            var before = reference.Machine.NetworkAdapters.First(adapter => adapter.Id == reference.Adapter);
            if (!await context.ShouldProcessAsync($"{reference.Machine.Name}: {before.Name}", actionName))
            {
                continue;
            }

            await GuardAsync(context, async () =>
            {
                var after = await service.ChangeAsync(
                    reference.Machine.Id,
                    (c, status) =>
                    {
                        var current = c.NetworkAdapters.FirstOrDefault(adapter => adapter.Id == reference.Adapter)
                            ?? throw Errors.Invalid($"The network adapter '{before.Name}' does not exist any more.", before.Name);
                        var changed = change(c, status, current);
                        var next = c with
                        {
                            NetworkAdapters = [.. c.NetworkAdapters.Where(adapter => changed is not null || adapter.Id != current.Id).Select(adapter => adapter.Id == current.Id ? changed! : adapter)],
                        };
                        MachineValidator.Require(next, facts, before: c);
                        return next;
                    },
                    context.Cancellation);
                if (passthru)
                {
                    var shown = after.NetworkAdapters.FirstOrDefault(adapter => adapter.Id == reference.Adapter) ?? before;
                    context.WriteObject(ModelMapper.Adapter(after, shown, service.StatusOf(after.Id), context));
                }
            });
        }
    }
}
