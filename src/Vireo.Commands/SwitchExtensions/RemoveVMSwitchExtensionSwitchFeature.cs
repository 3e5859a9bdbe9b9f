using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Removes settings of extensions of switches, also while they are in use. Settings that were read from a switch know it.</summary>
[Command("Remove", "VMSwitchExtensionSwitchFeature", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the switch does not have the settings")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "an extension refuses the change")]
[Example("Get-VMSwitchExtensionSwitchFeature inside | Remove-VMSwitchExtensionSwitchFeature", "Removes the settings of the switch inside.")]
public sealed class RemoveVMSwitchExtensionSwitchFeature : ExtensionCommand
{
    /// <summary>Names of switches; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? SwitchName { get; set; }

    /// <summary>Switches, as Get-VMSwitch writes them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public VMSwitch[]? VMSwitch { get; set; }

    /// <summary>Settings, read and changed before.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMSwitchExtensionSwitchFeature[]? VMSwitchExtensionFeature { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        foreach (var feature in VMSwitchExtensionFeature ?? [])
        {
            await GuardAsync(context, () => ChangeSwitchesAsync(
                context, SwitchesOf(context, SwitchName, VMSwitch, feature), [feature], "Remove-VMSwitchExtensionSwitchFeature", Take, Passthru));
        }
    }
}
