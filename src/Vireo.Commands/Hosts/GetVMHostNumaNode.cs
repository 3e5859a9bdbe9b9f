using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Hosts;

/// <summary>Gets the NUMA nodes of a host.</summary>
[Command("Get", "VMHostNumaNode", DefaultParameterSetName = "ComputerName")]
[OutputType(typeof(VMHostNumaNode))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the host has no node of that number")]
[Example("Get-VMHostNumaNode", "Shows the NUMA nodes of this host.")]
public sealed class GetVMHostNumaNode : Command
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
        var nodes = await context.Service<IHostNuma>().NodesAsync(context.Cancellation);
        if (Id is { } id && nodes.All(node => node.Id != id))
        {
            throw Errors.Invalid($"The host has no NUMA node {id}; 'Get-VMHostNumaNode' lists those that exist.", id);
        }

        foreach (var node in nodes.Where(node => Id is null || node.Id == Id))
        {
            context.WriteObject(new VMHostNumaNode
            {
                ComputerName = context.Service<IHostSettings>().Facts.Name,
                NodeId = node.Id,
                ProcessorsAvailability = [.. node.ProcessorsAvailable],
                MemoryAvailable = (int)(node.AvailableBytes >> 20),
                MemoryTotal = (int)(node.TotalBytes >> 20),
            });
        }
    }
}
