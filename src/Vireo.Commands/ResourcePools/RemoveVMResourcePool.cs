using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Removes resource pools that nothing draws on.</summary>
[Command("Remove", "VMResourcePool", DefaultParameterSetName = "ComputerName", SupportsShouldProcess = true)]
[OutputType(typeof(VMResourcePool))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the pool is the one of everything")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "a machine draws on the pool, or another pool is part of it")]
[Example("Remove-VMResourcePool contoso Memory,Processor", "Removes two pools.")]
public sealed class RemoveVMResourcePool : Command
{
    /// <summary>Name.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>What the pools gather.</summary>
    [Parameter(Position = 1, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public VMResourcePoolType[]? ResourcePoolType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ComputerName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the pools to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var pools = context.Service<IResourcePools>();
        foreach (var pool in ResourcePoolType!.Distinct().Select(type => PoolRules.Require(pools, type, Name)).ToList())
        {
            PoolRules.RequireOwn(pool, "removed");
            PoolChanges.RequireUnused(context, pool);
            if (pools.All.FirstOrDefault(child => child.Type == pool.Type && child.ParentNames.Any(parent => PoolRules.IsNamed(pool, parent))) is { } part)
            {
                throw new CommandException(
                    "ObjectInUse", ErrorCategory.ResourceBusy,
                    $"The resource pool '{part.Name}' is part of '{pool.Name}'; remove it first, or make it part of another one ('Set-VMResourcePool').", pool.Name);
            }

            if (await context.ShouldProcessAsync($"{pool.Name} ({pool.Type})", "Remove-VMResourcePool"))
            {
                await context.Service<IMetering>().DisablePoolAsync(pool, context.Cancellation);
                pools.Change(all => [.. all.Where(one => one.Id != pool.Id)]);
                if (Passthru)
                {
                    var gone = PoolRules.Map(pool, context);
                    gone.IsDeleted = true;
                    context.WriteObject(gone);
                }
            }
        }
    }
}
