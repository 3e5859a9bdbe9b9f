using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Adds settings of extensions to switches, also while they are in use.</summary>
[Command("Add", "VMSwitchExtensionSwitchFeature", DefaultParameterSetName = "SwitchName", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[CommandError("ResourceExists", ErrorCategory.ResourceExists, "the settings are there already")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "an extension refuses the change")]
[Example("Get-VMSystemSwitchExtensionSwitchFeature -ExtensionName sFlow | Add-VMSwitchExtensionSwitchFeature -SwitchName inside", "Gives the switch inside the default settings of sFlow.")]
public sealed class AddVMSwitchExtensionSwitchFeature : ExtensionCommand
{
    /// <summary>Names of switches; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "SwitchName", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? SwitchName { get; set; }

    /// <summary>Settings, read and changed before.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtensionSwitchFeature[]? VMSwitchExtensionFeature { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter(ParameterSetName = "SwitchObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "SwitchName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeSwitchesAsync(
        context, SwitchRules.Resolve(context, SwitchName, VMSwitch), VMSwitchExtensionFeature ?? [], "Add-VMSwitchExtensionSwitchFeature", Add, Passthru);
}
