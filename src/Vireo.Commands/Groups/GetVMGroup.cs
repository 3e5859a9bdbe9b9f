using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Groups;

/// <summary>Gets groups of virtual machines.</summary>
[Command("Get", "VMGroup", DefaultParameterSetName = "Name")]
[OutputType(typeof(VMGroup))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such group")]
[Example("Get-VMGroup web", "Shows the group web and its virtual machines.")]
public sealed class GetVMGroup : GroupCommand
{
    /// <summary>Names; wildcards are allowed. All groups when left out.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Id.</summary>
    [Parameter(ParameterSetName = "Id", Position = 0)]
    public Guid? Id { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        foreach (var group in Groups(context, Name, Id, null))
        {
            WriteGroup(context, group);
        }

        return Task.CompletedTask;
    }
}
