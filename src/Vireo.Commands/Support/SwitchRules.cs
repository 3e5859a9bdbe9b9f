using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Commands.Support;

/// <summary>Rules about switches.</summary>
public static class SwitchRules
{
    private const int LongestName = 100;

    /// <summary>Throws unless the name can be used.</summary>
    public static void RequireName(string name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > LongestName || name.Any(char.IsControl))
        {
            throw Errors.Invalid($"The name of a virtual switch has 1 to {LongestName} characters and no control characters.", name);
        }
    }

    /// <summary>An adapter of the management operating system with the switch's name, as the original makes one.</summary>
    public static ManagementAdapterConfiguration ManagementAdapter(string switchName)
    {
        var id = Guid.NewGuid();
        return new ManagementAdapterConfiguration(id, switchName, ManagementInterfaces.NameFor(id), ManagementInterfaces.AddressFor(id));
    }

    /// <summary>The one network interface that names or descriptions give, when it exists and is free.</summary>
    public static async Task<string> UplinkAsync(CommandContext context, string[]? names, string[]? descriptions, Guid? except)
    {
        var switches = context.Service<ISwitches>();
        var given = names ?? descriptions ?? [];
        if (given.Length != 1)
        {
            throw Errors.NotSupported("A switch with several uplinks is not available in this version; give one network interface.", string.Join(",", given));
        }

        var interfaces = await switches.InterfacesAsync(context.Cancellation);
        var uplink = interfaces.FirstOrDefault(candidate => (names is not null ? candidate.Name : candidate.Description) == given[0])
            ?? throw Errors.Invalid(
                $"There is no network interface '{given[0]}' that could be an uplink; possible are: {string.Join(", ", interfaces.Select(candidate => candidate.Name))}.", given[0]);
        var owner = switches.All.FirstOrDefault(other => other.Id != except && other.NetAdapterName == uplink.Name);
        return owner is null
            ? uplink.Name
            : throw new CommandException(
                "ObjectInUse", ErrorCategory.ResourceBusy, $"The network interface '{uplink.Name}' is the uplink of the virtual switch '{owner.Name}' already.", uplink.Name);
    }

    /// <summary>Throws when the switch is the one that every host has.</summary>
    public static void RequireNotDefault(SwitchConfiguration on, string action)
    {
        if (on.Id == Microsoft.HyperV.PowerShell.VMSwitch.DefaultSwitchId)
        {
            throw new CommandException(
                "OperationFailed", ErrorCategory.NotSpecified, $"The '{on.Name}' belongs to the host and cannot be {action}; create a switch of your own.", on.Name);
        }
    }

    /// <summary>Switches of names and objects; what is missing is written as an error.</summary>
    public static IReadOnlyList<SwitchConfiguration> Resolve(
        CommandContext context, string[]? names, Microsoft.HyperV.PowerShell.VMSwitch[]? objects)
    {
        var switches = context.Service<ISwitches>();
        var found = new List<SwitchConfiguration>();
        foreach (var name in names ?? [])
        {
            var matching = switches.All.Where(candidate => Wildcard.Matches(name, candidate.Name)).ToList();
            found.AddRange(matching);
            if (matching.Count == 0 && !Wildcard.IsPattern(name))
            {
                context.WriteError(Errors.Invalid($"There is no virtual switch named '{name}' on this host; 'Get-VMSwitch' lists those that exist.", name));
            }
        }

        foreach (var one in objects ?? [])
        {
            if (switches.Find(one.Id) is { } configuration)
            {
                found.Add(configuration);
            }
            else
            {
                context.WriteError(Errors.Invalid($"The virtual switch '{one.Name}' does not exist any more.", one.Id));
            }
        }

        return found;
    }
}
