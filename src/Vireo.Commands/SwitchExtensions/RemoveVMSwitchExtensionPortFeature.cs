using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Removes settings of extensions of ports, also while they are in use. Settings that were read from a port know it.</summary>
[Command("Remove", "VMSwitchExtensionPortFeature", SupportsShouldProcess = true)]
[OutputType(typeof(VMSwitchExtensionPortFeature))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name, or there is no such adapter")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the port does not have the settings")]
[CommandError("ObjectInUse", ErrorCategory.ResourceBusy, "an extension refuses the change")]
[Example("Get-VMSwitchExtensionPortFeature web1 | Remove-VMSwitchExtensionPortFeature", "Removes the settings of the adapters of web1.")]
public sealed class RemoveVMSwitchExtensionPortFeature : ChangePortFeatureCommand
{
    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeAsync(context, "Remove-VMSwitchExtensionPortFeature", Take);
}
