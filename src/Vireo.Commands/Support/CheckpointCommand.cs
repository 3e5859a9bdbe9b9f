using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands on checkpoints of one machine: <c>-Name -VMName</c>, <c>-Name -VM</c> or <c>-VMSnapshot</c>.</summary>
public abstract class CheckpointCommand : MachineCommand
{
    /// <summary>Name of the checkpoint; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "VM", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Name of the virtual machine.</summary>
    [Parameter(ParameterSetName = "SnapshotName", Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? VMName { get; set; }

    /// <summary>Virtual machine.</summary>
    [Parameter(ParameterSetName = "VM", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine? VM { get; set; }

    /// <summary>Checkpoint.</summary>
    [Parameter(ParameterSetName = "SnapshotObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Alias("VMCheckpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot? VMSnapshot { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SnapshotName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>The checkpoints the command is about; what is missing is written as an error.</summary>
    private protected List<FoundCheckpoint> Checkpoints(CommandContext context) => VMSnapshot is not null
        ? CheckpointFinder.OfObject(context, VMSnapshot) is { } one ? [one] : []
        : [.. Resolve(context, VMName is null ? null : [VMName], VM is null ? null : [VM]).SelectMany(machine => CheckpointFinder.OfMachine(context, machine, Name))];
}
