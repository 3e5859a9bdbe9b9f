using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;

namespace Vireo.Commands.SwitchExtensions;

/// <summary>Has the frames of switches pass extensions. An extension that was cut off is tried again when it was disabled before.</summary>
[Command("Enable", "VMSwitchExtension", DefaultParameterSetName = "ExtensionName")]
[OutputType(typeof(VMSwitchExtension))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no extension has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the switch has another forwarding extension, or the extension does not start")]
[CommandError("OperationFailed", ErrorCategory.NotSpecified, "the switch plane cannot do it")]
[Example("Enable-VMSwitchExtension sFlow inside", "Enables the extension sFlow on the switch inside.")]
public sealed class EnableVMSwitchExtension : SwitchExtensionCommand
{
    private protected override bool Enables => true;
}
