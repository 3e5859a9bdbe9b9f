using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.NetworkAdapters;

/// <summary>Renames network adapters.</summary>
[Command("Rename", "VMNetworkAdapter", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMInternalNetworkAdapter))]
[OutputType(typeof(VMNetworkAdapter))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "there is no such adapter")]
[Example("Rename-VMNetworkAdapter web1 -NewName Outside", "Gives the adapter of web1 the name Outside.")]
public sealed class RenameVMNetworkAdapter : AdapterCommand
{
    /// <summary>Adapters, as Get-VMNetworkAdapter writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMNetworkAdapterBase[]? VMNetworkAdapter { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
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
    [Parameter(ParameterSetName = "VMName", Position = 1)]
    [Parameter(ParameterSetName = "VMObject", Position = 1)]
    [Parameter(ParameterSetName = "ManagementOS", Position = 1)]
    [Alias("VMNetworkAdapterName")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <summary>New name.</summary>
    [Parameter(Position = 2, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string NewName { get; set; } = "";

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
        if (ManagementOS)
        {
            await ManagementAdapters.ChangeAsync(context, ManagementAdapters.Find(context, Name, null), "Rename-VMNetworkAdapter", adapter => adapter with { Name = NewName }, Passthru);
            return;
        }

        var ofHost = (VMNetworkAdapter ?? []).Where(adapter => adapter.IsManagementOs).ToList();
        await ManagementAdapters.ChangeAsync(context, ManagementAdapters.OfObjects(context, ofHost), "Rename-VMNetworkAdapter", adapter => adapter with { Name = NewName }, Passthru);
        var adapters = VMNetworkAdapter is not null
            ? FromObjects(context, VMNetworkAdapter.Except(ofHost))
            : OfMachines(context, Resolve(context, VMName, VM), Name is null ? null : [Name]);
        await ChangeAdaptersAsync(context, adapters, "Rename-VMNetworkAdapter", (_, _, adapter) => adapter with { Name = NewName }, Passthru);
    }
}
