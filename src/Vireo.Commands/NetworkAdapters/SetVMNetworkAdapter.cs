using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Changes network adapters of virtual machines.</summary>
[Command("Set", "VMNetworkAdapter", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMInternalNetworkAdapter))]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "an address cannot be used, or there is no such adapter")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Set-VMNetworkAdapter web1 -StaticMacAddress 00155D010203", "Gives the adapter of web1 an address of your own.")]
public sealed class SetVMNetworkAdapter : AdapterCommand
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
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Take an address from the host's pool.</summary>
    [Parameter]
    public Switch DynamicMacAddress { get; set; }

    /// <summary>Use this address.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? StaticMacAddress { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the adapter to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private protected override bool ReportsMissingAsObjectNotFound => true;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (DynamicMacAddress && StaticMacAddress is not null)
        {
            throw Errors.Invalid("-DynamicMacAddress and -StaticMacAddress exclude each other; give one of them.", null);
        }

        var address = StaticMacAddress is null ? null : MacAddresses.Parse(StaticMacAddress);
        var adapters = VMNetworkAdapter is not null
            ? FromObjects(context, [VMNetworkAdapter])
            : OfMachines(context, Resolve(context, VMName is null ? null : [VMName], VM is null ? null : [VM]), Name is null ? null : [Name]);
        return ChangeAdaptersAsync(
            context,
            adapters,
            "Set-VMNetworkAdapter",
            (c, status, adapter) =>
            {
                if (address is null && !DynamicMacAddress)
                {
                    return adapter;
                }

                return status.IsOff
                    ? adapter with { MacAddress = address ?? "", DynamicMacAddress = address is null }
                    : throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to change the address of its adapter.", c.Name);
            },
            Passthru);
    }
}
