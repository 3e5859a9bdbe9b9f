using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Groups;

/// <summary>Makes a group of virtual machines, or of groups.</summary>
[Command("New", "VMGroup")]
[OutputType(typeof(VMGroup))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "there is a group with the id already")]
[Example("New-VMGroup web VMCollectionType", "Makes a group for virtual machines.")]
public sealed class NewVMGroup : GroupCommand
{
    /// <summary>Name.</summary>
    [Parameter(Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary><c>VMCollectionType</c>: holds virtual machines. <c>ManagementCollectionType</c>: holds groups.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    public GroupType? GroupType { get; set; }

    /// <summary>Id, when it is to be a certain one.</summary>
    [Parameter(Position = 2)]
    public Guid? Id { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var group = new MachineGroup(Id ?? Guid.NewGuid(), Name!, GroupType == Microsoft.HyperV.PowerShell.GroupType.ManagementCollectionType, []);
        context.Service<IMachineGroups>().Add(group);
        WriteGroup(context, group);
        return Task.CompletedTask;
    }
}
