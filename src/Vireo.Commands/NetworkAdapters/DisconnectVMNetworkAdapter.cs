using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Disconnects network adapters of virtual machines from their switch, also while they run.</summary>
[Command("Disconnect", "VMNetworkAdapter", DefaultParameterSetName = "Name", SupportsShouldProcess = true)]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[Example("Disconnect-VMNetworkAdapter web1", "Disconnects all adapters of web1.")]
public sealed class DisconnectVMNetworkAdapter : AdapterCommand
{
    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Names of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "Name", Position = 1)]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "Obj", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapter[]? VMNetworkAdapter { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "Name")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the adapter to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeAdaptersAsync(
        context,
        VMNetworkAdapter is not null ? FromObjects(context, VMNetworkAdapter) : OfMachines(context, Resolve(context, VMName, null), Name),
        "Disconnect-VMNetworkAdapter",
        (_, _, adapter) => adapter with { SwitchId = null },
        Passthru);
}
