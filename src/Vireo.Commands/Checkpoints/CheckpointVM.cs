using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Checkpoints;

/// <summary>
/// Takes checkpoints: virtual machines can be brought back to what they are now. A production checkpoint keeps the disks while the guest's file
/// systems are frozen; where the guest cannot do that, and in a standard one, its memory is kept too.
/// </summary>
[Command("Checkpoint", "VM", DefaultParameterSetName = "Name", SupportsShouldProcess = true, SupportsAsJob = true)]
[OutputType(typeof(VMSnapshot))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "checkpoints are disabled, a disk cannot have a child, or the guest cannot be frozen and must be")]
[Example("Checkpoint-VM web1 -SnapshotName 'before the update'", "Takes a checkpoint of web1.")]
public sealed class CheckpointVM : NamedMachineCommand
{
    /// <summary>Name of the checkpoint; by default the machine's name and the time.</summary>
    [Parameter(Position = 1)]
    [Alias("CheckpointName")]
    public string? SnapshotName { get; set; }

    /// <summary>Write the checkpoint to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) =>
        ForEachAsync(context, Machines(context), "Checkpoint-VM", async machine =>
        {
            var taken = await context.Service<ICheckpoints>().TakeAsync(
                machine.Id, SnapshotName, (status, percent) => context.WriteProgress($"Taking a checkpoint of '{machine.Name}'", status, percent), context.Cancellation);
            if (Passthru)
            {
                CheckpointFinder.Write(context, taken.Id);
            }
        });
}
