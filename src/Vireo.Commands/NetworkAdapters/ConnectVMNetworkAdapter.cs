using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Connects network adapters of virtual machines to a switch, also while they run.</summary>
[Command("Connect", "VMNetworkAdapter", DefaultParameterSetName = "Name_SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, there is no such adapter, or the switch cannot promise its minimum bandwidth")]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "the switch does not exist")]
[CommandError("InvalidOperation", ErrorCategory.InvalidOperation, "several switches carry the name")]
[Example("Connect-VMNetworkAdapter web1 -SwitchName 'Default Switch'", "Connects all adapters of web1 to the default switch.")]
public sealed class ConnectVMNetworkAdapter : AdapterCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name_SwitchName", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "Name_SwitchObject", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "Name_UseAutomaticConnection", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Names of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name_SwitchName", Position = 1)]
    [Parameter(ParameterSetName = "Name_SwitchObject", Position = 1)]
    [Parameter(ParameterSetName = "Name_UseAutomaticConnection", Position = 1)]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "Object_SwitchName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "Object_SwitchObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "Object_UseAutomaticConnection", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapter[]? VMNetworkAdapter { get; set; }

    /// <summary>Name of the switch.</summary>
    [Parameter(ParameterSetName = "Name_SwitchName", Position = 1, Mandatory = true)]
    [Parameter(ParameterSetName = "Object_SwitchName", Position = 1, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Switch, as Get-VMSwitch writes it.</summary>
    [Parameter(ParameterSetName = "Name_SwitchObject", Position = 2, Mandatory = true, ValueFromPipeline = true)]
    [Parameter(ParameterSetName = "Object_SwitchObject", Position = 2, Mandatory = true, ValueFromPipeline = true)]
    public VMSwitch? VMSwitch { get; set; }

    /// <summary>Connect to the first switch, by name, of the adapter's resource pool.</summary>
    [Parameter(ParameterSetName = "Name_UseAutomaticConnection", Mandatory = true)]
    [Parameter(ParameterSetName = "Object_UseAutomaticConnection", Mandatory = true)]
    public Switch UseAutomaticConnection { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name_SwitchName")]
    [Parameter(ParameterSetName = "Name_SwitchObject")]
    [Parameter(ParameterSetName = "Name_UseAutomaticConnection")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the adapter to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var given = UseAutomaticConnection ? null : VMSwitch is not null
            ? context.Service<ISwitches>().Find(VMSwitch.Id) ?? throw Errors.NotFound($"The virtual switch '{VMSwitch.Name}' does not exist any more.", VMSwitch.Name)
            : SwitchFinder.Single(context, SwitchName!);
        var pools = context.Service<IResourcePools>();
        var adapters = VMNetworkAdapter is not null ? FromObjects(context, VMNetworkAdapter) : OfMachines(context, Resolve(context, VMName, null), Name);
        var interfaces = given is { NetAdapterName: null } ? [] : await context.Service<ISwitches>().InterfacesAsync(context.Cancellation);
        await ChangeAdaptersAsync(
            context,
            adapters,
            "Connect-VMNetworkAdapter",
            (c, _, adapter) =>
            {
                var target = given ?? FirstOfPool(context, PoolRules.Require(pools, VMResourcePoolType.Ethernet, adapter.ResourcePoolName));
                PoolRules.RequireAllowed(c with { Drives = [], NetworkAdapters = [adapter with { SwitchId = target.Id }] }, pools, before: c);
                BandwidthRules.Require(context, target, adapter.Id, adapter.Name, adapter.Policy, interfaces);
                return adapter with { SwitchId = target.Id };
            },
            Passthru);
    }

    private static SwitchConfiguration FirstOfPool(CommandContext context, ResourcePoolConfiguration pool) =>
        context.Service<ISwitches>().All.FirstOrDefault(one => pool.IsPrimordial || pool.SwitchIds.Contains(one.Id))
        ?? throw Errors.NotFound($"The resource pool '{pool.Name}' has no switch; 'Add-VMSwitch' adds one.", pool.Name);
}
