using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Checkpoints;

/// <summary>
/// Applies checkpoints: a virtual machine becomes what it was. What it is now is lost, unless a checkpoint of it is taken before. One that runs is
/// turned off; when the checkpoint holds its memory, it goes on from there.
/// </summary>
[Command("Restore", "VMSnapshot", DefaultParameterSetName = "SnapshotName", SupportsShouldProcess = true, SupportsAsJob = true, ConfirmImpact = ConfirmImpact.High, Aliases = ["Restore-VMCheckpoint"])]
[OutputType(typeof(VMSnapshot))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or checkpoint has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine cannot be turned off now")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "a file of the checkpoint is missing")]
[Example("Restore-VMSnapshot -VMName web1 -Name 'before the update' -Confirm:$false", "Makes web1 what it was before the update.")]
public sealed class RestoreVMSnapshot : CheckpointCommand
{
    /// <summary>Write the checkpoint to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var (machine, checkpoint) in Checkpoints(context))
        {
            if (await context.ShouldProcessAsync($"{machine.Name}, checkpoint '{checkpoint.Name}'", "Restore-VMSnapshot"))
            {
                await GuardAsync(context, async () =>
                {
                    await context.Service<ICheckpoints>().ApplyAsync(
                        machine.Id, checkpoint.Id, (status, percent) => context.WriteProgress($"Applying '{checkpoint.Name}' to '{machine.Name}'", status, percent), context.Cancellation);
                    if (Passthru)
                    {
                        CheckpointFinder.Write(context, checkpoint.Id);
                    }
                });
            }
        }
    }
}
