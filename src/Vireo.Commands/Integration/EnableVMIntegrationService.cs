using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Integration;

/// <summary>Switches integration services of virtual machines on; it takes effect at once.</summary>
[Command("Enable", "VMIntegrationService", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMIntegrationComponent))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine or service has the name")]
[Example("Enable-VMIntegrationService -VMName web1 -Name 'Guest Service Interface'", "Lets files be copied into web1.")]
public sealed class EnableVMIntegrationService : SwitchIntegrationServiceCommand
{
    private protected override string Action => "Enable-VMIntegrationService";

    private protected override bool Enables => true;
}
