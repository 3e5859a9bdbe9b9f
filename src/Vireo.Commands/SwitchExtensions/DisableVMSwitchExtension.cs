using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Takes extensions out of the way of frames; their settings stay.</summary>
[Command("Disable", "VMSwitchExtension", DefaultParameterSetName = "ExtensionName")]
[OutputType(typeof(VMSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no switch has the name")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the switch plane cannot do it")]
[Example("Disable-VMSwitchExtension sFlow inside", "Disables the extension sFlow on the switch inside.")]
public sealed class DisableVMSwitchExtension : SwitchExtensionCommand
{
    private protected override bool Enables => false;
}
