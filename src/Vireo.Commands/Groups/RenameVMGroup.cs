using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Groups;

/// <summary>Renames groups.</summary>
[Command("Rename", "VMGroup", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[OutputType(typeof(VMGroup))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such group")]
[Example("Rename-VMGroup web front", "Calls the group web front from now on.")]
public sealed class RenameVMGroup : GroupCommand
{
    /// <summary>Names; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Id.</summary>
    [Parameter(ParameterSetName = "Id", Position = 0, Mandatory = true)]
    public Guid? Id { get; set; }

    /// <summary>Groups.</summary>
    [Parameter(ParameterSetName = "InputObject", Position = 0, Mandatory = true)]
    public VMGroup[]? VMGroup { get; set; }

    /// <summary>New name.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? NewName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [Parameter(ParameterSetName = "Id")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the group to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var group in Groups(context, Name, Id, VMGroup))
        {
            if (await context.ShouldProcessAsync(group.Name, "Rename-VMGroup"))
            {
                var after = context.Service<IMachineGroups>().Change(group.Id, (one, _) => one with { Name = NewName! });
                if (Passthru)
                {
                    WriteGroup(context, after);
                }
            }
        }
    }
}
