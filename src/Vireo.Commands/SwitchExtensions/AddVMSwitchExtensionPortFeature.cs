using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Adds settings of extensions to ports, also while they are in use.</summary>
[Command("Add", "VMSwitchExtensionPortFeature", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionPortFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the settings are there already")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "an extension refuses the change")]
[Example("Get-VMSystemSwitchExtensionPortFeature -ExtensionName sFlow | Add-VMSwitchExtensionPortFeature -VMName web1", "Gives the adapters of web1 the default settings of sFlow.")]
public sealed class AddVMSwitchExtensionPortFeature : ExtensionCommand
{
    /// <summary>The port of the uplink.</summary>
    [Parameter(ParameterSetName = "ExternalPort", Mandatory = true)]
    public Switch ExternalPort { get; set; }

    /// <summary>Name of the switch; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "ExternalPort")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? SwitchName { get; set; }

    /// <summary>Settings, read and changed before.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtensionPortFeature[]? VMSwitchExtensionFeature { get; set; }

    /// <summary>Adapters of the management operating system.</summary>
    [Parameter(ParameterSetName = "ManagementOS", Mandatory = true)]
    public Switch ManagementOS { get; set; }

    /// <summary>Name of adapters; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "ManagementOS")]
    [Parameter(ParameterSetName = "VMName")]
    [Parameter(ParameterSetName = "VMObject")]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string? VMNetworkAdapterName { get; set; }

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

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "ExternalPort")]
    [Parameter(ParameterSetName = "ManagementOS")]
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangePortsAsync(
        context, Ports(context, VMNetworkAdapter, VMName, VM, ManagementOS, ExternalPort, SwitchName, VMNetworkAdapterName), VMSwitchExtensionFeature ?? [],
        "Add-VMSwitchExtensionPortFeature", Add, Passthru);
}
