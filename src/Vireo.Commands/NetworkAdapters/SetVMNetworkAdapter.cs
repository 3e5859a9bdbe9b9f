using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Changes network adapters: their address, and what holds at their port of the switch, also while they are in use.</summary>
[Command("Set", "VMNetworkAdapter", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMInternalNetworkAdapter))]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "an address or a bandwidth cannot be used, or there is no such adapter")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "another adapter has the address")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Set-VMNetworkAdapter web1 -DhcpGuard On -RouterGuard On", "Keeps the guest of web1 from playing DHCP server or router.")]
[Example("Set-VMNetworkAdapter web1 -MaximumBandwidth 100000000", "Lets web1 send at most 100 megabits a second.")]
[Example("Set-VMNetworkAdapter web1 -MinimumBandwidthWeight 50", "Gives web1 fifty parts of a line that is full, in proportion to the weights of the others.")]
[Example("Set-VMNetworkAdapter web1 -StaticMacAddress 00155D010203", "Gives the adapter of web1 an address of your own.")]
public sealed class SetVMNetworkAdapter : AdapterPolicyCommand
{
    /// <summary>Adapter, as Get-VMNetworkAdapter writes it.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VMNetworkAdapterBase? VMNetworkAdapter { get; set; }

    /// <summary>Name of a virtual machine; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? VMName { get; set; }

    /// <summary>Virtual machine.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    public VirtualMachine? VM { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public Switch ManagementOS { get; set; }

    /// <summary>Take an address from the host's pool.</summary>
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    public Switch DynamicMacAddress { get; set; }

    /// <summary>Use this address.</summary>
    [Parameter(ParameterSetName = "ResourceObject")]
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [ValidateNotNullOrEmpty]
    public string? StaticMacAddress { get; set; }

    /// <summary>The guest may send from other addresses than the adapter's, and claim any network address.</summary>
    [Parameter]
    public OnOffState? MacAddressSpoofing { get; set; }

    /// <summary>What a DHCP server would send is dropped.</summary>
    [Parameter]
    public OnOffState? DhcpGuard { get; set; }

    /// <summary>Router advertisements and redirects are dropped.</summary>
    [Parameter]
    public OnOffState? RouterGuard { get; set; }

    /// <summary>Source is copied to every destination of its switch.</summary>
    [Parameter]
    public VMNetworkAdapterPortMirroringMode? PortMirroring { get; set; }

    /// <summary>Broadcast, multicast and unknown frames a second that may be sent; 0 is no limit.</summary>
    [Parameter]
    public uint? StormLimit { get; set; }

    /// <summary>Most bits a second that may be sent; 0 is no limit.</summary>
    [Parameter]
    public long? MaximumBandwidth { get; set; }

    /// <summary>Least bits a second while more is asked for than there is, on a switch that gives it in bits; 0 is none.</summary>
    [Parameter]
    public long? MinimumBandwidthAbsolute { get; set; }

    /// <summary>Weight, 1 to 100, while more is asked for than there is, on a switch that gives it by weights; 0 is none.</summary>
    [Parameter]
    public uint? MinimumBandwidthWeight { get; set; }

    /// <summary>Part in what the switch spreads over its packet threads, 1 to 100; 0 keeps the adapter at the first one.</summary>
    [Parameter]
    public uint? VmqWeight { get; set; }

    /// <summary>The guest's 802.1p priorities are kept.</summary>
    [Parameter]
    public OnOffState? IeeePriorityTag { get; set; }

    /// <summary>The guest may make a team of its adapters.</summary>
    [Parameter]
    public OnOffState? AllowTeaming { get; set; }

    /// <summary>Resource pool that its connection comes from; the switch must be in it. Adapters of the management operating system are in no pool.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the adapter to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (DynamicMacAddress && StaticMacAddress is not null)
        {
            throw Errors.Invalid("-DynamicMacAddress and -StaticMacAddress exclude each other; give one of them.", null);
        }

        if (MaximumBandwidth is < 0 or > BandwidthRules.BandwidthMaximum || StormLimit > int.MaxValue)
        {
            throw Errors.Invalid($"-MaximumBandwidth goes from 0 to {BandwidthRules.BandwidthMaximum} bits a second, -StormLimit from 0 to {int.MaxValue} frames a second.", null);
        }

        if (MinimumBandwidthAbsolute is < 0 or > BandwidthRules.BandwidthMaximum || MinimumBandwidthWeight > BandwidthRules.WeightMaximum)
        {
            throw Errors.Invalid(
                $"-MinimumBandwidthAbsolute goes from 0 to {BandwidthRules.BandwidthMaximum} bits a second, -MinimumBandwidthWeight from 0 to {BandwidthRules.WeightMaximum}.", null);
        }

        if (VmqWeight > BandwidthRules.WeightMaximum)
        {
            throw Errors.Invalid($"-VmqWeight goes from 0 to {BandwidthRules.WeightMaximum}.", null);
        }

        if (MinimumBandwidthAbsolute > 0 && MinimumBandwidthWeight > 0)
        {
            throw Errors.Invalid("-MinimumBandwidthAbsolute and -MinimumBandwidthWeight exclude each other; give the one that the switch takes.", null);
        }

        var interfaces = MinimumBandwidthAbsolute > 0 ? await context.Service<ISwitches>().InterfacesAsync(context.Cancellation) : [];
        var host = context.Service<IHostSettings>().Facts.Name;
        if (ManagementOS || VMNetworkAdapter is { IsManagementOs: true })
        {
            if (ResourcePoolName is not null)
            {
                throw Errors.Invalid("Adapters of the management operating system are in no resource pool.", ResourcePoolName);
            }

            if (DynamicMacAddress || StaticMacAddress is not null)
            {
                throw Errors.Invalid("The address of an adapter of the management operating system is its own.", null);
            }

            var targets = Targets(context, VMNetworkAdapter is null ? null : [VMNetworkAdapter], [], ManagementOS, Name);
            foreach (var changed in await ChangePoliciesAsync(context, targets, "Set-VMNetworkAdapter", target =>
            {
                var policy = Apply(target.Policy);
                RequireBandwidth(context, target.Switch, target.Id, target.Name, policy, interfaces);
                return target with { Policy = policy };
            }))
            {
                if (Passthru)
                {
                    context.WriteObject(ModelMapper.ManagementAdapter(changed.Switch!, changed.Switch!.ManagementAdapters.First(adapter => adapter.Id == changed.Id), host));
                }
            }

            return;
        }

        await ChangeMachinesAsync(context, interfaces);
    }

    private void RequireBandwidth(
        CommandContext context, SwitchConfiguration? on, Guid adapter, string name, AdapterPolicyConfiguration policy, IReadOnlyList<HostInterface> interfaces)
    {
        if (MinimumBandwidthAbsolute is not null || MinimumBandwidthWeight is not null)
        {
            BandwidthRules.Require(context, on, adapter, name, policy, interfaces);
        }
    }

    private Task ChangeMachinesAsync(CommandContext context, IReadOnlyList<HostInterface> interfaces)
    {
        var address = StaticMacAddress is null ? null : MacAddresses.Parse(StaticMacAddress);
        var adapters = VMNetworkAdapter is not null
            ? FromObjects(context, [VMNetworkAdapter])
            : OfMachines(context, Resolve(context, VMName is null ? null : [VMName], VM is null ? null : [VM]), Name is null ? null : [Name]);
        var pools = context.Service<IResourcePools>();
        var pool = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.Ethernet, ResourcePoolName);
        return ChangeAdaptersAsync(
            context,
            adapters,
            "Set-VMNetworkAdapter",
            (c, status, adapter) =>
            {
                var changed = adapter with { Policy = Apply(adapter.Policy), ResourcePoolName = ResourcePoolName is null ? adapter.ResourcePoolName : pool };
                PoolRules.RequireAllowed(c with { Drives = [], NetworkAdapters = [changed] }, pools, before: c);
                RequireBandwidth(context, adapter.SwitchId is { } on ? context.Service<ISwitches>().Find(on) : null, adapter.Id, adapter.Name, changed.Policy, interfaces);
                if (address is null && !DynamicMacAddress)
                {
                    return changed;
                }

                if (address is not null)
                {
                    MacAddresses.RequireFree(context, address, adapter.Id);
                }

                return status.IsOff
                    ? changed with { MacAddress = address ?? "", DynamicMacAddress = address is null }
                    : throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change the address of its adapter.", c.Name);
            },
            Passthru);
    }

    private AdapterPolicyConfiguration Apply(AdapterPolicyConfiguration policy) => policy with
    {
        MacAddressSpoofing = IsOn(MacAddressSpoofing, policy.MacAddressSpoofing),
        DhcpGuard = IsOn(DhcpGuard, policy.DhcpGuard),
        RouterGuard = IsOn(RouterGuard, policy.RouterGuard),
        PortMirroring = PortMirroring?.ToString() ?? policy.PortMirroring,
        StormLimit = (int?)StormLimit ?? policy.StormLimit,
        MaximumBandwidth = MaximumBandwidth ?? policy.MaximumBandwidth,

        // One takes the place of the other.
        MinimumBandwidthAbsolute = MinimumBandwidthAbsolute ?? (MinimumBandwidthWeight > 0 ? 0 : policy.MinimumBandwidthAbsolute),
        MinimumBandwidthWeight = (int?)MinimumBandwidthWeight ?? (MinimumBandwidthAbsolute > 0 ? 0 : policy.MinimumBandwidthWeight),
        VmqWeight = (int?)VmqWeight ?? policy.VmqWeight,
        IeeePriorityTag = IsOn(IeeePriorityTag, policy.IeeePriorityTag),
        AllowTeaming = IsOn(AllowTeaming, policy.AllowTeaming),
    };

    private static bool IsOn(OnOffState? asked, bool now) => asked is null ? now : asked == OnOffState.On;
}
