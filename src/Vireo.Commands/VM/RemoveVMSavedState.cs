using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.VM;

/// <summary>Throws the saved memory of virtual machines or checkpoints away: the machine is off, and starts anew.</summary>
[Command("Remove", "VMSavedState", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or the checkpoint is not there")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not saved")]
[Example("Remove-VMSavedState web1", "Makes web1 start anew.")]
public sealed class RemoveVMSavedState : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Checkpoint whose memory goes; its disks stay.</summary>
    [Parameter(ParameterSetName = "VMSnapshot", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot? VMSnapshot { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (VMSnapshot is null)
        {
            return ForEachAsync(context, Resolve(context, VMName, VM), "Remove-VMSavedState", machine =>
                context.Service<IMachines>().StatusOf(machine.Id).State == VMState.Saved
                    ? context.Service<IMachines>().TurnOffAsync(machine.Id, context.Cancellation)
                    : throw Errors.State($"The virtual machine '{machine.Name}' is not saved.", machine.Name));
        }

        return CheckpointFinder.OfObject(context, VMSnapshot) is { } found
            ? ForEachAsync(context, [found.Machine], "Remove-VMSavedState", machine => context.Service<ICheckpoints>().RemoveStateAsync(machine.Id, found.Checkpoint.Id, context.Cancellation))
            : Task.CompletedTask;
    }
}
