using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>An integration service that Vireo offers.</summary>
/// <param name="Id">Id that scripts know it by, in any language.</param>
/// <param name="Name">English name.</param>
public sealed record IntegrationService(Guid Id, string Name);

/// <summary>The integration services: heartbeat and shutdown, both through the guest agent.</summary>
public static class IntegrationServices
{
    /// <summary>Heartbeat.</summary>
    public static IntegrationService Heartbeat { get; } = new(new Guid("84eaae65-2f2e-45f5-9bb5-0e857dc8eb47"), "Heartbeat");

    /// <summary>Shutdown.</summary>
    public static IntegrationService Shutdown { get; } = new(new Guid("9f8233ac-be49-4c79-8ee3-e7e1985b2077"), "Shutdown");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<IntegrationService> All { get; } = [Heartbeat, Shutdown];

    /// <summary>A service as an object of the model.</summary>
    public static VMIntegrationComponent Describe(VirtualMachineConfiguration c, IntegrationService service, MachineStatus status, string host)
    {
        var enabled = !c.DisabledIntegrationServices.Contains(service.Name, StringComparer.OrdinalIgnoreCase);
        var part = ModelMapper.Part<VMIntegrationComponent>(c, service.Id, service.Name, host);
        part.Enabled = enabled;
        if (!status.IsActive)
        {
            return part;
        }

        var (operational, description) = (enabled, status.Heartbeat) switch
        {
            (false, _) => (VMIntegrationComponentOperationalStatus.Disabled, "Disabled"),
            (_, VMHeartbeatStatus.OkApplicationsUnknown or VMHeartbeatStatus.OkApplicationsHealthy) => (VMIntegrationComponentOperationalStatus.Ok, "OK"),
            (_, VMHeartbeatStatus.LostCommunication) => (VMIntegrationComponentOperationalStatus.LostCommunication, "Lost Communication"),
            _ => (VMIntegrationComponentOperationalStatus.NoContact, "No Contact"),
        };
        part.PrimaryOperationalStatus = operational;
        part.PrimaryStatusDescription = description;
        part.OperationalStatus = [operational];
        return part;
    }
}
