using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Changes settings of extensions of switches, also while they are in use. Settings that were read from a switch know it.</summary>
[Command("Set", "VMSwitchExtensionSwitchFeature", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionSwitchFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the switch does not have the settings")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "an extension refuses the change")]
[Example("Get-VMSwitchExtensionSwitchFeature inside | Set-VMSwitchExtensionSwitchFeature", "Changes the settings of the switch inside.")]
public sealed class SetVMSwitchExtensionSwitchFeature : ChangeSwitchFeatureCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeAsync(context, "Set-VMSwitchExtensionSwitchFeature", Set);
}
