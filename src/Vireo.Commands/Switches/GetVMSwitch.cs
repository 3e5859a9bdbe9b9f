using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Switches;

/// <summary>Gets virtual switches.</summary>
[Command("Get", "VMSwitch", DefaultParameterSetName = "Name")]
[OutputType(typeof(VMSwitch))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name or the id")]
[Example("Get-VMSwitch", "Shows every switch of this host.")]
[Example("Get-VMSwitch -SwitchType External", "Shows the switches that have an uplink.")]
public sealed class GetVMSwitch : MachineCommand
{
    /// <summary>Name; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0)]
    [Alias("SwitchName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Ids.</summary>
    [Parameter(ParameterSetName = "Id", Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("SwitchId")]
    public Guid[]? Id { get; set; }

    /// <summary>Only switches of these resource pools; wildcards are allowed.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? ResourcePoolName { get; set; }

    /// <summary>Only switches of these types.</summary>
    [Parameter]
    public VMSwitchType[]? SwitchType { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var pools = context.Service<IResourcePools>().All.Where(pool => pool.Type == VMResourcePoolType.Ethernet && (ResourcePoolName ?? []).Any(name => Wildcard.Matches(name, pool.Name))).ToList();
        foreach (var found in Find(context).Where(candidate => SwitchType is null || SwitchType.Contains(candidate.SwitchType))
            .Where(candidate => ResourcePoolName is null || pools.Any(pool => pool.IsPrimordial || pool.SwitchIds.Contains(candidate.Id))).ToList())
        {
            context.WriteObject(await SwitchMapper.SwitchAsync(found, context));
        }
    }

    private IEnumerable<SwitchConfiguration> Find(CommandContext context)
    {
        var switches = context.Service<ISwitches>();
        if (Id is not null)
        {
            foreach (var id in Id.Where(id => switches.Find(id) is null))
            {
                context.WriteError(Errors.Invalid($"There is no virtual switch with the id '{id}' on this host.", id));
            }

            return Id.Select(switches.Find).OfType<SwitchConfiguration>();
        }

        var found = switches.All.Where(candidate => Name is null || Wildcard.Matches(Name, candidate.Name)).ToList();
        return found.Count > 0 || Name is null || Wildcard.IsPattern(Name)
            ? found
            : throw Errors.Invalid($"There is no virtual switch named '{Name}' on this host; 'Get-VMSwitch' lists those that exist.", Name);
    }
}
