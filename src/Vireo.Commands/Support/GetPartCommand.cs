using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that show one kind of part of machines.</summary>
public abstract class GetPartCommand : MachinePartCommand
{
    /// <inheritdoc/>
    public sealed override Task RunAsync(CommandContext context)
    {
        foreach (var machine in Machines(context))
        {
            foreach (var part in Parts(machine, context.Service<IMachines>().StatusOf(machine.Id), context))
            {
                context.WriteObject(part);
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>The parts of one machine.</summary>
    private protected abstract IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context);

    private protected static string Host(CommandContext context) => context.Service<IHostSettings>().Facts.Name;
}
