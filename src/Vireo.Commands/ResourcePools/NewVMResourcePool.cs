using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.ResourcePools;

/// <summary>Creates resource pools: of one name, one for each type.</summary>
[Command("New", "VMResourcePool", SupportsShouldProcess = true)]
[OutputType(typeof(VMResourcePool))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "there is no such resource pool")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the name cannot be used, or a folder is in no parent pool")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "there is a pool of the type and name")]
[Example("New-VMResourcePool contoso Processor,Memory,Ethernet", "Creates three pools for the tenant contoso.")]
[Example("New-VMResourcePool contoso VHD -Paths /srv/contoso", "Creates a pool of virtual hard disks in /srv/contoso.")]
public sealed class NewVMResourcePool : Command
{
    /// <summary>Name.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>What the pools gather.</summary>
    [Parameter(Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public VMResourcePoolType[]? ResourcePoolType { get; set; }

    /// <summary>Pools that they are part of; Primordial when left out.</summary>
    [Parameter(Position = 2)]
    [ValidateNotNullOrEmpty]
    public string[]? ParentName { get; set; }

    /// <summary>Folders that images may come from.</summary>
    [Parameter(Position = 3)]
    [FilePath]
    [ValidateNotNullOrEmpty]
    public string[]? Paths { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        PoolRules.RequireName(Name);
        var types = ResourcePoolType!.Distinct().ToList();
        if (Paths is not null && types.FirstOrDefault(static type => !PoolRules.HoldsImages(type)) is var wrong && types.Contains(wrong) && !PoolRules.HoldsImages(wrong))
        {
            throw Errors.Invalid($"Resource pools of type {wrong} have no folders; -Paths is for VHD, ISO and VFD.", nameof(Paths));
        }

        if (!await context.ShouldProcessAsync(Name, "New-VMResourcePool"))
        {
            return;
        }

        var pools = context.Service<IResourcePools>();
        var made = types.Select(type => new ResourcePoolConfiguration
        {
            Id = Guid.NewGuid(),
            Type = type,
            Name = Name,
            ParentNames = [.. (ParentName ?? [ResourcePoolConfiguration.Primordial]).Select(parent => PoolRules.Require(pools, type, parent).Name).Distinct(StringComparer.Ordinal)],
            Paths = [.. (Paths ?? []).Select(Path.GetFullPath)],
        }).ToList();
        pools.Change(all => made.FirstOrDefault(one => all.Any(other => other.Type == one.Type && PoolRules.IsNamed(other, one.Name))) is { } twice
            ? throw Errors.Exists($"There is a resource pool of type {twice.Type} named '{twice.Name}' already.", twice.Name)
            : [.. all, .. made]);
        made.ForEach(pool => context.WriteObject(PoolRules.Map(pool, context)));
    }
}
