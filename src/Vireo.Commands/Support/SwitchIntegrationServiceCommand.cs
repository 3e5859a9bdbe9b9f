using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that switch integration services on and off; it takes effect at once.</summary>
public abstract class SwitchIntegrationServiceCommand : MachineCommand
{
    /// <summary>Names of services; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [Parameter(ParameterSetName = "VMObject", Position = 0, Mandatory = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Names of virtual machines; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? VMName { get; set; }

    /// <summary>Virtual machines.</summary>
    [Parameter(ParameterSetName = "VMObject", Position = 1, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VirtualMachine[]? VM { get; set; }

    /// <summary>Services as they were got.</summary>
    [Parameter(ParameterSetName = "VMIntegrationService", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMIntegrationComponent[]? VMIntegrationService { get; set; }

    /// <summary>Write the services to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Name of the command.</summary>
    private protected abstract string Action { get; }

    /// <summary>Services are switched on, else off.</summary>
    private protected abstract bool Enables { get; }

    /// <inheritdoc/>
    public override async Task RunAsync(CommandContext context)
    {
        if (VMIntegrationService is null)
        {
            var services = Named(context, Name ?? []);
            if (services.Count > 0)
            {
                await SwitchAsync(context, Resolve(context, VMName, VM), services);
            }

            return;
        }

        foreach (var machine in VMIntegrationService.GroupBy(service => service.VMId))
        {
            await SwitchAsync(context, Owners(context, machine), IntegrationServices.All.Where(service => machine.Any(part => part.PartId() == service.Id)).ToList());
        }
    }

    private static List<IntegrationService> Named(CommandContext context, string[] names)
    {
        var found = new List<IntegrationService>();
        foreach (var name in names)
        {
            var before = found.Count;
            found.AddRange(IntegrationServices.All.Where(service => Wildcard.Matches(name, service.Name)));
            if (found.Count == before && !Wildcard.IsPattern(name))
            {
                context.WriteError(Errors.Invalid(
                    $"There is no integration service '{name}'; the services are {string.Join(", ", IntegrationServices.All.Select(service => $"'{service.Name}'"))}.", name));
            }
        }

        return found;
    }

    private Task SwitchAsync(CommandContext context, IReadOnlyList<VirtualMachineConfiguration> machines, IReadOnlyList<IntegrationService> services) =>
        ForEachAsync(context, machines, Action, async machine =>
        {
            var after = await context.Service<IMachines>().ChangeAsync(machine.Id, (now, _) => Switched(now, services), context.Cancellation);
            if (Passthru)
            {
                var status = context.Service<IMachines>().StatusOf(after.Id);
                foreach (var service in services)
                {
                    context.WriteObject(IntegrationServices.Describe(after, service, status, context.Service<IHostSettings>().Facts.Name));
                }
            }
        });

    private VirtualMachineConfiguration Switched(VirtualMachineConfiguration machine, IReadOnlyList<IntegrationService> services)
    {
        var changed = services.Where(service => service.IsEnabled(machine) != Enables).Select(service => service.Name).ToList();
        return changed.Count == 0 ? machine : machine with
        {
            DisabledIntegrationServices = Enables
                ? [.. machine.DisabledIntegrationServices.Except(changed, StringComparer.OrdinalIgnoreCase)]
                : [.. machine.DisabledIntegrationServices, .. changed],
        };
    }
}
