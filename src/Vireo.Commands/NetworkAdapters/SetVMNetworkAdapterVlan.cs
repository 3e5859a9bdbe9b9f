using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Puts network adapters of virtual machines into a VLAN, or takes them out, also while they run.</summary>
[Command("Set", "VMNetworkAdapterVlan", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapterVlanSetting))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the VLAN is not one from 1 to 4094, or there is no such adapter")]
[Example("Set-VMNetworkAdapterVlan web1 -Access -VlanId 12", "Puts web1 into VLAN 12.")]
[Example("Set-VMNetworkAdapterVlan web1 -Untagged", "Takes web1 out of its VLAN.")]
public sealed class SetVMNetworkAdapterVlan : AdapterCommand
{
    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterBase[]? VMNetworkAdapter { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? VMNetworkAdapterName { get; set; }

    /// <summary>The guest sends untagged frames, which belong to one VLAN.</summary>
    [Parameter]
    [Alias("a")]
    public Switch Access { get; set; }

    /// <summary>The guest is in no VLAN.</summary>
    [Parameter]
    [Alias("u")]
    public Switch Untagged { get; set; }

    /// <summary>The VLAN, 1 to 4094.</summary>
    [Parameter]
    [Alias("AccessVlanId")]
    [ValidateRange(1, 4094)]
    public int? VlanId { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the setting to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (Access == Untagged)
        {
            throw Errors.Invalid("Say how the adapter treats VLANs: -Access with -VlanId, or -Untagged.", null);
        }

        if (Access && VlanId is null)
        {
            throw Errors.Invalid("-Access needs the VLAN; give it with -VlanId.", nameof(VlanId));
        }

        if (Untagged && VlanId is not null)
        {
            throw Errors.Invalid("-Untagged takes no -VlanId.", nameof(VlanId));
        }

        var adapters = VMNetworkAdapter is not null
            ? FromObjects(context, VMNetworkAdapter)
            : OfMachines(context, Resolve(context, VMName, VM), VMNetworkAdapterName is null ? null : [VMNetworkAdapterName]);
        return ChangeAdaptersAsync(context, adapters, "Set-VMNetworkAdapterVlan", (_, _, adapter) => adapter with { AccessVlanId = Access ? VlanId!.Value : 0 }, Passthru);
    }
}
