using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Removes network adapters.</summary>
[Command("Remove", "VMNetworkAdapter", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMInternalNetworkAdapter))]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Get-VMNetworkAdapter web1 | Remove-VMNetworkAdapter", "Removes all adapters of web1.")]
public sealed class RemoveVMNetworkAdapter : AdapterCommand
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

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>Switch the adapters are on.</summary>
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the removed adapter to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (ManagementOS)
        {
            await ManagementAdapters.ChangeAsync(context, ManagementAdapters.Find(context, Name, SwitchName), "Remove-VMNetworkAdapter", _ => null, Passthru);
            return;
        }

        var ofHost = (VMNetworkAdapter ?? []).Where(adapter => adapter.IsManagementOs).ToList();
        await ManagementAdapters.ChangeAsync(context, ManagementAdapters.OfObjects(context, ofHost), "Remove-VMNetworkAdapter", _ => null, Passthru);
        var adapters = VMNetworkAdapter is not null
            ? FromObjects(context, VMNetworkAdapter.Except(ofHost))
            : OfMachines(context, Resolve(context, VMName, VM), Name is null ? null : [Name]);
        await ChangeAdaptersAsync(
            context,
            adapters,
            "Remove-VMNetworkAdapter",
            (c, status, _) => status.IsOff
                ? null
                : throw Errors.State($"The virtual machine '{c.Name}' is {status.State}; turn it off to remove a network adapter.", c.Name),
            Passthru);
    }
}
