using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that change machines' parts: one change to one machine at a time, validated as a whole before it is stored.</summary>
public abstract class ChangePartCommand : MachinePartCommand
{
    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <summary>Applies <paramref name="change"/> to each machine, validates it, and lets <paramref name="write"/> show the result.</summary>
    private protected static Task ChangeEachAsync(
        CommandContext context,
        IReadOnlyList<VirtualMachineConfiguration> machines,
        string actionName,
        Func<VirtualMachineConfiguration, MachineStatus, VirtualMachineConfiguration> change,
        Action<VirtualMachineConfiguration>? write)
    {
        var service = context.Service<IMachines>();
        var facts = context.Service<IHostSettings>().Facts;
        return ForEachAsync(context, machines, actionName, async machine =>
        {
            var after = await service.ChangeAsync(
                machine.Id,
                (configuration, status) =>
                {
                    var changed = change(configuration, status);
                    MachineValidator.Require(changed, facts, before: configuration);
                    return changed;
                },
                context.Cancellation);
            write?.Invoke(after);
        });
    }

    /// <summary>Throws unless the machine is off.</summary>
    private protected static void RequireOff(VirtualMachineConfiguration machine, MachineStatus status, string what)
    {
        if (!status.IsOff)
        {
            throw Errors.State($"The virtual machine '{machine.Name}' is {status.State}; turn it off to change {what}.", machine.Name);
        }
    }
}
