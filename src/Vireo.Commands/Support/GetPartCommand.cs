using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that show one kind of part of machines, as they are or as they were at a checkpoint.</summary>
public abstract class GetPartCommand : MachinePartCommand
{
    /// <summary>Checkpoint whose parts are shown: what the machine had then.</summary>
    [Parameter(ParameterSetName = "VMSnapshot", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot? VMSnapshot { get; set; }

    /// <inheritdoc/>
    public sealed override Task RunAsync(CommandContext context)
    {
        if (VMSnapshot is { } snapshot && CheckpointFinder.OfObject(context, snapshot) is { } found)
        {
            foreach (var part in Parts(found.Checkpoint.Machine with { Name = found.Machine.Name }, MachineStatus.Off, context))
            {
                context.WriteObject(part);
            }
        }

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
