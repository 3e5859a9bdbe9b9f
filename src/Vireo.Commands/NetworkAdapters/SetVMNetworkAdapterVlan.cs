using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Puts network adapters into a VLAN, a trunk or a private VLAN, or takes them out, also while they are in use.</summary>
[Command("Set", "VMNetworkAdapterVlan", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterVlanSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a VLAN is not one from 1 to 4094, parameters do not go together, or there is no such adapter")]
[Example("Set-VMNetworkAdapterVlan web1 -Access -VlanId 12", "Puts web1 into VLAN 12.")]
[Example("Set-VMNetworkAdapterVlan router1 -Trunk -AllowedVlanIdList 1-100 -NativeVlanId 10", "Gives router1 the VLANs 1 to 100, tagged but for 10.")]
[Example("Set-VMNetworkAdapterVlan web1 -Isolated -PrimaryVlanId 2 -SecondaryVlanId 4", "Lets web1 talk to the promiscuous adapters of VLAN 2 only.")]
[Example("Set-VMNetworkAdapterVlan web1 -Untagged", "Takes web1 out of its VLAN.")]
public sealed class SetVMNetworkAdapterVlan : ChangeAdapterPolicyCommand
{
    private const int VlanMaximum = 4094;

    /// <summary>The guest sends untagged frames, which belong to one VLAN.</summary>
    [Parameter]
    [Alias("a")]
    public Switch Access { get; set; }

    /// <summary>The guest is in no VLAN.</summary>
    [Parameter]
    [Alias("u")]
    public Switch Untagged { get; set; }

    /// <summary>The guest takes part in several VLANs, tagged.</summary>
    [Parameter]
    [Alias("t")]
    public Switch Trunk { get; set; }

    /// <summary>The guest talks to promiscuous adapters of its primary VLAN only.</summary>
    [Parameter]
    [Alias("i")]
    public Switch Isolated { get; set; }

    /// <summary>The guest talks to its secondary VLAN too.</summary>
    [Parameter]
    [Alias("c")]
    public Switch Community { get; set; }

    /// <summary>The guest talks to all of its primary VLAN.</summary>
    [Parameter]
    [Alias("p")]
    public Switch Promiscuous { get; set; }

    /// <summary>With -Access: the VLAN, 1 to 4094.</summary>
    [Parameter]
    [Alias("AccessVlanId")]
    [ValidateRange(1, 4094)]
    public int? VlanId { get; set; }

    /// <summary>With -Trunk: the VLAN of untagged frames; 0 is none.</summary>
    [Parameter]
    [ValidateRange(0, 4094)]
    public int? NativeVlanId { get; set; }

    /// <summary>With -Trunk: the VLANs, for example 1-10,20.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? AllowedVlanIdList { get; set; }

    /// <summary>With -Isolated, -Community and -Promiscuous: the primary VLAN.</summary>
    [Parameter]
    [ValidateRange(1, 4094)]
    public int? PrimaryVlanId { get; set; }

    /// <summary>With -Isolated and -Community: the secondary VLAN.</summary>
    [Parameter]
    [ValidateRange(1, 4094)]
    public int? SecondaryVlanId { get; set; }

    /// <summary>With -Promiscuous: the secondary VLANs, for example 4,5.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? SecondaryVlanIdList { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        var (vlan, set) = Read();
        var host = context.Service<IHostSettings>().Facts.Name;
        var changed = await ChangePoliciesAsync(
            context, Targets(context), "Set-VMNetworkAdapterVlan",
            target => target.Policy.IsolationMode is null or "None"
                ? target with { AccessVlanId = vlan, Policy = set(target.Policy) }
                : throw Errors.Invalid($"The adapter '{target.FullName}' is isolated by its VLAN; take that away with Set-VMNetworkAdapterIsolation -IsolationMode None first.", target.Name));
        foreach (var target in Passthru ? changed : [])
        {
            context.WriteObject(AdapterPolicyMapper.Vlan(target, host));
        }
    }

    private (int AccessVlan, Func<AdapterPolicyConfiguration, AdapterPolicyConfiguration> Set) Read()
    {
        bool[] modes = [Access, Untagged, Trunk, Isolated, Community, Promiscuous];
        if (modes.Count(given => given) != 1)
        {
            throw Errors.Invalid("Say how the adapter treats VLANs: one of -Access, -Untagged, -Trunk, -Isolated, -Community and -Promiscuous.", null);
        }

        Require(nameof(VlanId), VlanId is not null, Access, Access);
        Require(nameof(AllowedVlanIdList), AllowedVlanIdList is not null, Trunk, Trunk);
        Require(nameof(NativeVlanId), NativeVlanId is not null, Trunk, Trunk);
        Require(nameof(PrimaryVlanId), PrimaryVlanId is not null, Isolated || Community || Promiscuous, Isolated || Community || Promiscuous);
        Require(nameof(SecondaryVlanId), SecondaryVlanId is not null, Isolated || Community, Isolated || Community);
        Require(nameof(SecondaryVlanIdList), SecondaryVlanIdList is not null, Promiscuous, Promiscuous);
        IReadOnlyList<int> allowed = AllowedVlanIdList is null ? [] : AdapterPolicyRules.Vlans(AllowedVlanIdList, nameof(AllowedVlanIdList));
        IReadOnlyList<int> secondaries = SecondaryVlanIdList is not null ? AdapterPolicyRules.Vlans(SecondaryVlanIdList, nameof(SecondaryVlanIdList)) : SecondaryVlanId is { } one ? [one] : [];
        if (PrimaryVlanId is { } primary && secondaries.Contains(primary))
        {
            throw Errors.Invalid($"The primary VLAN {primary} cannot be one of its own secondary VLANs.", primary);
        }

        var mode = Trunk ? AdapterVlanMode.Trunk
            : Isolated ? AdapterVlanMode.Isolated
            : Community ? AdapterVlanMode.Community
            : Promiscuous ? AdapterVlanMode.Promiscuous
            : AdapterVlanMode.Access;
        return (Access ? VlanId!.Value : 0, policy => policy with
        {
            VlanMode = mode,
            AllowedVlanIds = allowed,
            NativeVlanId = NativeVlanId ?? 0,
            PrimaryVlanId = PrimaryVlanId ?? 0,
            SecondaryVlanIds = secondaries,
        });
    }

    private static void Require(string parameter, bool given, bool needed, bool possible)
    {
        if (needed && !given)
        {
            throw Errors.Invalid($"This mode needs -{parameter}; VLANs go from 1 to {VlanMaximum}.", parameter);
        }

        if (given && !possible)
        {
            throw Errors.Invalid($"This mode takes no -{parameter}.", parameter);
        }
    }
}
