using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Checkpoints;

/// <summary>Gets checkpoints of virtual machines.</summary>
[Command("Get", "VMSnapshot", DefaultParameterSetName = "VMName", Aliases = ["Get-VMCheckpoint"])]
[OutputType(typeof(VMSnapshot))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or checkpoint has the name or the id")]
[Example("Get-VMSnapshot web1", "Shows the checkpoints of web1.")]
[Example("Get-VMSnapshot -VMName * -Name before*", "Shows the checkpoints whose names begin with before, of every machine.")]
public sealed class GetVMSnapshot : MachineCommand
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

    /// <summary>Id of a checkpoint.</summary>
    [Parameter(ParameterSetName = "Id", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    public Guid? Id { get; set; }

    /// <summary>Name of the checkpoints; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1)]
    [Parameter(ParameterSetName = "VMObject", Position = 1)]
    [Parameter(ParameterSetName = "Child", Position = 1)]
    [Parameter(ParameterSetName = "Parent", Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Checkpoint whose children are wanted.</summary>
    [Parameter(ParameterSetName = "Child", Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public VMSnapshot? ChildOf { get; set; }

    /// <summary>Checkpoint or virtual machine whose parent is wanted.</summary>
    [Parameter(ParameterSetName = "Parent", Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachineBase? ParentOf { get; set; }

    /// <summary>Kind of the checkpoints.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "Child")]
    [Parameter(ParameterSetName = "Parent")]
    [Alias("VMRecoveryCheckpoint")]
    public SnapshotType? SnapshotType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "Id")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        foreach (var found in Find(context))
        {
            var snapshot = ModelMapper.Checkpoint(found.Machine, found.Checkpoint, context);
            if (SnapshotType is null || snapshot.SnapshotType == SnapshotType)
            {
                context.WriteObject(snapshot);
            }
        }

        return Task.CompletedTask;
    }

    private IEnumerable<FoundCheckpoint> Find(CommandContext context)
    {
        if (Id is { } id)
        {
            return [CheckpointFinder.ById(context, id) ?? throw CheckpointFinder.NotFound($"No checkpoint has the id {id}.", id.ToString())];
        }

        if (ChildOf is not null)
        {
            return CheckpointFinder.OfObject(context, ChildOf) is { } parent
                ? Named(parent.Machine.Checkpoints.All.Where(one => one.ParentId == parent.Checkpoint.Id).Select(one => new FoundCheckpoint(parent.Machine, one)))
                : [];
        }

        if (ParentOf is not null)
        {
            var child = CheckpointFinder.ById(context, ParentOf.Id);
            var machine = child?.Machine ?? context.Service<IMachines>().Find(ParentOf.Id) ?? throw Errors.MachineGone(ParentOf.Id);
            var parent = child is null ? machine.Checkpoints.CurrentId : child.Checkpoint.ParentId;
            return Named(machine.Checkpoints.All.Where(one => one.Id == parent).Select(one => new FoundCheckpoint(machine, one)));
        }

        return Resolve(context, VMName, VM).SelectMany(machine => CheckpointFinder.OfMachine(context, machine, Name));
    }

    private IEnumerable<FoundCheckpoint> Named(IEnumerable<FoundCheckpoint> found) => found.Where(one => Name is null || Wildcard.Matches(Name, one.Checkpoint.Name));
}
