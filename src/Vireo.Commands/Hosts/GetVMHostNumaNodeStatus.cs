using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Hosts;

/// <summary>Gets where running virtual machines have their memory: how much on which NUMA node of the host.</summary>
[Command("Get", "VMHostNumaNodeStatus", DefaultParameterSetName = "ComputerName")]
[OutputType(typeof(VMHostNumaNodeStatus))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the host has no node of that number")]
[Example("Get-VMHostNumaNodeStatus -Id 0", "Shows which machines have memory on node 0.")]
public sealed class GetVMHostNumaNodeStatus : Command
{
    /// <summary>Number of the node; all when left out.</summary>
    [Parameter]
    public int? Id { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName", Position = 0)]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var numa = context.Service<IHostNuma>();
        if (Id is { } id && (await numa.NodesAsync(context.Cancellation)).All(node => node.Id != id))
        {
            throw Errors.Invalid($"The host has no NUMA node {id}; 'Get-VMHostNumaNode' lists those that exist.", id);
        }

        var machines = context.Service<IMachines>();
        foreach (var use in numa.Uses().Where(use => Id is null || use.NodeId == Id))
        {
            context.WriteObject(new VMHostNumaNodeStatus
            {
                ComputerName = context.Service<IHostSettings>().Facts.Name,
                NodeId = use.NodeId,
                VMId = use.MachineId,
                VMName = machines.Find(use.MachineId)?.Name ?? "",
                MemoryUsed = (int)(use.Bytes >> 20),
            });
        }
    }
}
