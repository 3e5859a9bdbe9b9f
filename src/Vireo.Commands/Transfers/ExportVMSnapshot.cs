using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Transfers;

/// <summary>Copies virtual machines, as they were at checkpoints, into folders from which they can be imported: each disk whole in one image.</summary>
[Command("Export", "VMSnapshot", DefaultParameterSetName = "SnapshotName", SupportsShouldProcess = true, SupportsAsJob = true, Aliases = ["Export-VMCheckpoint"])]
[OutputType(typeof(VMSnapshot))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or checkpoint has the name")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is exported already")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the folder has a machine of that name already")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the folder cannot be written")]
[CommandError("ParentNotFound", ErrorCategory.ObjectNotFound, "a parent of a disk is missing")]
[CommandError("OutOfDiskSpace", ErrorCategory.ResourceUnavailable, "there is no room for the copy")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "a disk is damaged or the storage failed")]
[Example("Export-VMSnapshot -VMName web1 -Name 'before the update' -Path /backup", "Copies web1 as it was at the checkpoint into /backup/web1.")]
public sealed class ExportVMSnapshot : MachineCommand
{
    /// <summary>Names of checkpoints; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Folder in which a folder of the machine's name is made.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "SnapshotObject", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 2, Mandatory = true)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Checkpoints.</summary>
    [Parameter(ParameterSetName = "SnapshotObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot[]? VMSnapshot { get; set; }

    /// <summary>Write the checkpoints to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SnapshotName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var found in Find(context).ToList())
        {
            if (await context.ShouldProcessAsync($"{found.Machine.Name}, checkpoint '{found.Checkpoint.Name}'", "Export-VMSnapshot"))
            {
                await GuardAsync(context, async () =>
                {
                    await context.Service<IExports>().ExportCheckpointAsync(
                        found.Machine.Id, found.Checkpoint.Id, Path!,
                        (status, percent) => context.WriteProgress($"Exporting '{found.Machine.Name}' as it was at '{found.Checkpoint.Name}'", status, percent), context.Cancellation);
                    if (Passthru)
                    {
                        CheckpointFinder.Write(context, found.Checkpoint.Id);
                    }
                });
            }
        }
    }

    private IEnumerable<FoundCheckpoint> Find(CommandContext context) => VMSnapshot is not null
        ? VMSnapshot.Select(one => CheckpointFinder.OfObject(context, one)).OfType<FoundCheckpoint>()
        : Resolve(context, VMName, VM).SelectMany(machine => Name!.SelectMany(name => CheckpointFinder.OfMachine(context, machine, name))).DistinctBy(found => found.Checkpoint.Id);
}
