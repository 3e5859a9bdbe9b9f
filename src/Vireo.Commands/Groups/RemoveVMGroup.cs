using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Groups;

/// <summary>Removes a group; what it holds stays.</summary>
[Command("Remove", "VMGroup", DefaultParameterSetName = "Name")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such group")]
[Example("Remove-VMGroup web -Force", "Removes the group web without a question.")]
public sealed class RemoveVMGroup : GroupCommand
{
    /// <summary>Name.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Id.</summary>
    [Parameter(ParameterSetName = "Id", Position = 0, Mandatory = true)]
    public Guid? Id { get; set; }

    /// <summary>The group.</summary>
    [Parameter(ParameterSetName = "InputObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VMGroup? VMGroup { get; set; }

    /// <summary>Do not ask.</summary>
    [Parameter]
    public Switch Force { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [Parameter(ParameterSetName = "Id")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var group in Groups(context, Name is null ? null : [Name], Id, VMGroup is null ? null : [VMGroup]))
        {
            if (Force || await context.ShouldContinueAsync($"Remove the group '{group.Name}'? What it holds stays.", "Remove-VMGroup"))
            {
                context.Service<IMachineGroups>().Remove(group.Id);
            }
        }
    }
}
