using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Checkpoints;

/// <summary>Removes checkpoints. What their disks hold goes into the disks that stand on them, in the background and also while the guest runs.</summary>
[Command("Remove", "VMSnapshot", DefaultParameterSetName = "SnapshotName", SupportsShouldProcess = true, SupportsAsJob = true, Aliases = ["Remove-VMCheckpoint"])]
[OutputType(typeof(VirtualMachine))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or checkpoint has the name")]
[Example("Remove-VMSnapshot -VMName web1 -Name 'before the update'", "Removes one checkpoint of web1.")]
[Example("Get-VMSnapshot web1 -Name old | Remove-VMSnapshot -IncludeAllChildSnapshots", "Removes the checkpoint old and those taken after it.")]
public sealed class RemoveVMSnapshot : MachineCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Position = 0, Mandatory = true)]
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

    /// <summary>Names of checkpoints; wildcards are allowed. All of the machines when left out.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Position = 1, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 1, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Remove what was taken after them, on the same branch and on those from it, too.</summary>
    [Parameter]
    [Alias("IncludeAllChildCheckpoints")]
    public Switch IncludeAllChildSnapshots { get; set; }

    /// <summary>Write the machines to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SnapshotName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var agreed = new List<FoundCheckpoint>();
        foreach (var found in Find(context))
        {
            if (await context.ShouldProcessAsync($"{found.Machine.Name}, checkpoint '{found.Checkpoint.Name}'", "Remove-VMSnapshot"))
            {
                agreed.Add(found);
            }
        }

        foreach (var group in agreed.GroupBy(found => found.Machine.Id))
        {
            await GuardAsync(context, async () =>
            {
                await context.Service<ICheckpoints>().RemoveAsync(group.Key, [.. group.Select(found => found.Checkpoint.Id)], IncludeAllChildSnapshots, context.Cancellation);
                if (Passthru)
                {
                    WriteMachine(context, group.Key);
                }
            });
        }
    }

    private IEnumerable<FoundCheckpoint> Find(CommandContext context) => VMSnapshot is not null
        ? VMSnapshot.Select(one => CheckpointFinder.OfObject(context, one)).OfType<FoundCheckpoint>()
        : Resolve(context, VMName, VM)
            .SelectMany(machine => Name is null ? CheckpointFinder.OfMachine(context, machine, null) : Name.SelectMany(name => CheckpointFinder.OfMachine(context, machine, name)))
            .DistinctBy(found => found.Checkpoint.Id);
}
