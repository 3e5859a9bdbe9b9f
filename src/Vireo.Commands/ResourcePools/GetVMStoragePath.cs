using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Gets the folders of resource pools of images.</summary>
[Command("Get", "VMStoragePath")]
[OutputType(typeof(string))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[Example("Get-VMStoragePath -ResourcePoolName contoso -ResourcePoolType VHD", "Shows where the disks of contoso come from.")]
public sealed class GetVMStoragePath : Command
{
    /// <summary>Folders; wildcards are allowed.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Path { get; set; }

    /// <summary>Names of pools.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string[]? ResourcePoolName { get; set; }

    /// <summary>What the pools gather.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    public VMResourcePoolType? ResourcePoolType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        foreach (var path in ResourcePoolName!.SelectMany(name => PoolRules.Require(context.Service<IResourcePools>(), ResourcePoolType!.Value, name).Paths)
            .Distinct(StringComparer.Ordinal).Where(path => Path is null || Path.Any(pattern => Wildcard.Matches(pattern, path))))
        {
            context.WriteObject(path);
        }

        return Task.CompletedTask;
    }
}
