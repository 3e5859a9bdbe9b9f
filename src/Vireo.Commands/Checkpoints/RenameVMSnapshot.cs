using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Checkpoints;

/// <summary>Renames checkpoints.</summary>
[Command("Rename", "VMSnapshot", DefaultParameterSetName = "SnapshotName", SupportsShouldProcess = true, Aliases = ["Rename-VMCheckpoint"])]
[OutputType(typeof(VMSnapshot))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or checkpoint has the name")]
[Example("Rename-VMSnapshot -VMName web1 -Name old -NewName older", "Renames the checkpoint old of web1.")]
public sealed class RenameVMSnapshot : CheckpointCommand
{
    /// <summary>New name.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

    /// <summary>Write the checkpoint to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var (machine, checkpoint) in Checkpoints(context))
        {
            if (await context.ShouldProcessAsync($"{machine.Name}, checkpoint '{checkpoint.Name}'", "Rename-VMSnapshot"))
            {
                await GuardAsync(context, async () =>
                {
                    await context.Service<IMachines>().ChangeAsync(machine.Id, (now, _) => Renamed(now, checkpoint.Id), context.Cancellation);
                    if (Passthru)
                    {
                        CheckpointFinder.Write(context, checkpoint.Id);
                    }
                });
            }
        }
    }

    private VirtualMachineConfiguration Renamed(VirtualMachineConfiguration machine, Guid id) => machine with
    {
        Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one.Id == id ? one with { Name = NewName } : one)] },
    };
}
