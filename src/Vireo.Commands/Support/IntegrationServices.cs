using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>An integration service.</summary>
/// <param name="Id">Id that scripts know it by, in any language.</param>
/// <param name="Name">English name.</param>
public sealed record IntegrationService(Guid Id, string Name)
{
    /// <summary>Whether a machine has it switched on.</summary>
    public bool IsEnabled(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return !machine.DisabledIntegrationServices.Contains(Name, StringComparer.OrdinalIgnoreCase);
    }
}

/// <summary>The integration services, all through the guest's agent. Ids and names are the original's.</summary>
public static class IntegrationServices
{
    /// <summary>Files are copied into and out of the guest.</summary>
    public static IntegrationService GuestServiceInterface { get; } = new(new Guid("6c09bb55-d683-4da0-8931-c9bf705f6480"), "Guest Service Interface");

    /// <summary>The guest says that it is alive.</summary>
    public static IntegrationService Heartbeat { get; } = new(new Guid("84eaae65-2f2e-45f5-9bb5-0e857dc8eb47"), "Heartbeat");

    /// <summary>The guest reports its addresses.</summary>
    public static IntegrationService KeyValuePairExchange { get; } = new(new Guid("2a34b1c2-fd73-4043-8a5b-dd2159bc743f"), "Key-Value Pair Exchange");

    /// <summary>The guest shuts down when the host asks.</summary>
    public static IntegrationService Shutdown { get; } = new(new Guid("9f8233ac-be49-4c79-8ee3-e7e1985b2077"), "Shutdown");

    /// <summary>The guest's clock is set after it stood still.</summary>
    public static IntegrationService TimeSynchronization { get; } = new(new Guid("2497f4de-e9fa-4204-80e4-4b75c46419c0"), "Time Synchronization");

    /// <summary>The guest's file systems are frozen for checkpoints.</summary>
    public static IntegrationService Vss { get; } = new(new Guid("5ced1297-4598-4915-a5fc-ad21bb4d02a4"), "VSS");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<IntegrationService> All { get; } = [GuestServiceInterface, Heartbeat, KeyValuePairExchange, Shutdown, TimeSynchronization, Vss];

    /// <summary>A service as an object of the model.</summary>
    public static VMIntegrationComponent Describe(VirtualMachineConfiguration c, IntegrationService service, MachineStatus status, string host)
    {
        var enabled = service.IsEnabled(c);
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
