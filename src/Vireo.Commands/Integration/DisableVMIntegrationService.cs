using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Integration;

/// <summary>Switches integration services of virtual machines off; it takes effect at once.</summary>
[Command("Disable", "VMIntegrationService", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMIntegrationComponent))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or service has the name")]
[Example("Disable-VMIntegrationService -VMName web1 -Name 'Guest Service Interface'", "Lets files be copied into web1 no longer.")]
public sealed class DisableVMIntegrationService : SwitchIntegrationServiceCommand
{
    private protected override string Action => "Disable-VMIntegrationService";

    private protected override bool Enables => false;
}
