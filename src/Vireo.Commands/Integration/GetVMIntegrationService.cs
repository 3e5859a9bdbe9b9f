using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Integration;

/// <summary>Gets the integration services of virtual machines.</summary>
[Command("Get", "VMIntegrationService", DefaultParameterSetName = "VMName")]
[OutputType(typeof(VMIntegrationComponent))]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "no virtual machine has the name")]
[Example("Get-VMIntegrationService web1 -Name Heartbeat", "Shows whether the guest of web1 answers.")]
public sealed class GetVMIntegrationService : GetPartCommand
{
    /// <summary>Names of services; wildcards are allowed.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    private protected override IEnumerable<object> Parts(VirtualMachineConfiguration machine, MachineStatus status, CommandContext context) =>
        IntegrationServices.All
            .Where(service => Name is null || Name.Any(pattern => Wildcard.Matches(pattern, service.Name)))
            .Select(service => IntegrationServices.Describe(machine, service, status, Host(context)));
}
