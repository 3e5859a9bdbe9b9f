using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Gives a resource pool another name; machines that draw on it follow.</summary>
[Command("Rename", "VMResourcePool", SupportsShouldProcess = true)]
[OutputType(typeof(VMResourcePool))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the name cannot be used")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "there is a pool of the new name")]
[Example("Rename-VMResourcePool contoso Memory fabrikam", "Calls the pool of memory fabrikam from now on.")]
public sealed class RenameVMResourcePool : Command
{
    /// <summary>Name.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>What the pool gathers.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    public VMResourcePoolType? ResourcePoolType { get; set; }

    /// <summary>New name.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the pool to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        PoolRules.RequireName(NewName);
        var pools = context.Service<IResourcePools>();
        if (await context.ShouldProcessAsync(Name, "Rename-VMResourcePool"))
        {
            await pools.RenameAsync(ResourcePoolType!.Value, Name, NewName, context.Cancellation);
            if (Passthru)
            {
                context.WriteObject(PoolRules.Map(PoolRules.Require(pools, ResourcePoolType!.Value, NewName), context));
            }
        }
    }
}
