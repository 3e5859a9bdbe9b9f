using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Adds settings of extensions to ports, also while they are in use.</summary>
[Command("Add", "VMSwitchExtensionPortFeature", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionPortFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the settings are there already")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "an extension refuses the change")]
[Example("Get-VMSystemSwitchExtensionPortFeature -ExtensionName sFlow | Add-VMSwitchExtensionPortFeature -VMName web1", "Gives the adapters of web1 the default settings of sFlow.")]
public sealed class AddVMSwitchExtensionPortFeature : ExtensionPortCommand
{
    /// <summary>Settings, read and changed before.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtensionPortFeature[]? VMSwitchExtensionFeature { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangePortsAsync(
        context, Ports(context), VMSwitchExtensionFeature ?? [],
        "Add-VMSwitchExtensionPortFeature", Add, Passthru);
}
