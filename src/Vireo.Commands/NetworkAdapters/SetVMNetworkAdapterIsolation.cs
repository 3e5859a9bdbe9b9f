using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Keeps network adapters apart from others by a VLAN, also while they are in use.</summary>
[Command("Set", "VMNetworkAdapterIsolation", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterIsolationSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the VLAN is missing or not one from 1 to 4094, the adapter has VLAN settings, or there is no such adapter")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "virtual subnets, or a stack for several tenants, are asked for")]
[Example("Set-VMNetworkAdapterIsolation web1 -IsolationMode Vlan -DefaultIsolationID 12 -AllowUntaggedTraffic $true", "Puts web1 into VLAN 12, which its guest does not see.")]
[Example("Set-VMNetworkAdapterIsolation web1 -IsolationMode None", "Takes the isolation away.")]
public sealed class SetVMNetworkAdapterIsolation : ChangeAdapterPolicyCommand
{
    /// <summary>By what the adapter is kept apart.</summary>
    [Parameter]
    public VMNetworkAdapterIsolationMode? IsolationMode { get; set; }

    /// <summary>The guest sends and gets frames without a tag; otherwise all have the tag of the VLAN.</summary>
    [Parameter]
    public bool? AllowUntaggedTraffic { get; set; }

    /// <summary>The VLAN, 1 to 4094.</summary>
    [Parameter]
    public int? DefaultIsolationID { get; set; }

    /// <summary>One guest serves several tenants.</summary>
    [Parameter]
    public OnOffState? MultiTenantStack { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (IsolationMode is VMNetworkAdapterIsolationMode.NativeVirtualSubnet or VMNetworkAdapterIsolationMode.ExternalVirtualSubnet)
        {
            throw Errors.NotSupported("Virtual subnets are not available in this version; isolate the adapter by a VLAN, with -IsolationMode Vlan.", IsolationMode);
        }

        if (MultiTenantStack == OnOffState.On)
        {
            throw Errors.NotSupported("A network stack for several tenants is not available in this version; give the guest an adapter for each tenant.", MultiTenantStack);
        }

        var host = context.Service<IHostSettings>().Facts.Name;
        var changed = await ChangePoliciesAsync(
            context, Targets(context),
            "Set-VMNetworkAdapterIsolation", Apply);
        foreach (var target in Passthru ? changed : [])
        {
            context.WriteObject(AdapterPolicyMapper.Isolation(target, host));
        }
    }

    private AdapterTarget Apply(AdapterTarget target)
    {
        const int vlanMaximum = 4094;
        var now = target.Policy;
        var was = now.IsolationMode ?? nameof(VMNetworkAdapterIsolationMode.None);
        var mode = IsolationMode?.ToString() ?? was;
        var vlan = DefaultIsolationID ?? now.DefaultIsolationId;
        var isUntagged = AllowUntaggedTraffic ?? now.AllowUntaggedTraffic;
        var policy = now with { IsolationMode = mode, DefaultIsolationId = vlan, AllowUntaggedTraffic = isUntagged };
        if (mode == nameof(VMNetworkAdapterIsolationMode.None))
        {
            // What the isolation made of the VLAN settings goes with it; what somebody set there stays.
            return was == mode ? target with { Policy = policy } : target with { AccessVlanId = 0, Policy = policy with { VlanMode = AdapterVlanMode.Access, AllowedVlanIds = [] } };
        }

        if (was != mode && (target.AccessVlanId != 0 || now.VlanMode != AdapterVlanMode.Access))
        {
            throw Errors.Invalid($"The adapter '{target.FullName}' has VLAN settings; take them away with Set-VMNetworkAdapterVlan -Untagged first.", target.Name);
        }

        if (vlan is < 1 or > vlanMaximum)
        {
            throw Errors.Invalid($"Isolation by VLAN needs -DefaultIsolationID with a VLAN from 1 to {vlanMaximum}.", vlan);
        }

        return isUntagged
            ? target with { AccessVlanId = vlan, Policy = policy with { VlanMode = AdapterVlanMode.Access, AllowedVlanIds = [] } }
            : target with { AccessVlanId = 0, Policy = policy with { VlanMode = AdapterVlanMode.Trunk, AllowedVlanIds = [vlan], NativeVlanId = 0 } };
    }
}
