using System.Globalization;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.ConnectAccess;

/// <summary>Base of the commands that let users connect to the consoles of machines.</summary>
public abstract class ConnectAccessCommand : MachineCommand
{
    /// <summary>IDs of virtual machines.</summary>
    [Parameter(ParameterSetName = "VMId", Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public Guid[]? VMId { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>The machines that the names or IDs mean.</summary>
    private protected List<VirtualMachineConfiguration> Machines(CommandContext context, string[]? names)
    {
        var found = Resolve(context, names, null);
        foreach (var id in VMId ?? [])
        {
            if (context.Service<IMachines>().Find(id) is { } machine)
            {
                found.Add(machine);
            }
            else
            {
                context.WriteError(Errors.MachineGone(id));
            }
        }

        return [.. found.DistinctBy(static machine => machine.Id)];
    }

    /// <summary>A user as an object.</summary>
    private protected static VMConnectAce Entry(CommandContext context, VirtualMachineConfiguration machine, string user) => new()
    {
        ComputerName = context.Service<IHostSettings>().Facts.Name,
        UserName = user,
        UserId = context.Service<IUsers>().FindId(user),
        VMId = machine.Id,
        VMName = machine.Name,
    };

    /// <summary>The name of a user who was given by name or by number.</summary>
    private protected static string? FindUser(CommandContext context, string given)
    {
        var users = context.Service<IUsers>();
        return users.FindId(given) is not null ? given
            : uint.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? users.FindName(id) : null;
    }
}
