using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that remove drives: by object, or by their place in one machine.</summary>
public abstract class DriveRemoval : MachineCommand
{
    /// <summary>Name of a virtual machine.</summary>
    [Parameter(ParameterSetName = "VMName", Position = 0, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string? VMName { get; set; }

    /// <summary>Hosts to run the command on; the local one when left out.</summary>
    [Parameter(ParameterSetName = "VMName")]
    [ValidateNotNullOrEmpty]
    public string[]? ComputerName { get; set; }

    /// <summary>Write the removed drive to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <summary>Removes drives that were given as objects.</summary>
    private protected async Task RemoveObjectsAsync(CommandContext context, IEnumerable<Drive> drives, string actionName)
    {
        var service = context.Service<IMachines>();
        foreach (var drive in drives)
        {
            await GuardAsync(context, () =>
            {
                var machine = service.Find(drive.VMId) ?? throw Errors.MachineGone(drive.VMId);
                return RemoveAsync(context, machine, DrivePlaces.OfObject(machine, drive), actionName);
            });
        }
    }

    /// <summary>Removes the drive at a place of the machines of the name.</summary>
    private protected async Task RemovePlaceAsync(
        CommandContext context, DriveKind kind, ControllerType? bus, int? controller, int? location, string actionName)
    {
        foreach (var machine in Resolve(context, [VMName!], null))
        {
            await GuardAsync(
                context, () => RemoveAsync(context, machine, DrivePlaces.Single(machine, kind, bus, controller, location), actionName));
        }
    }

    private async Task RemoveAsync(
        CommandContext context, VirtualMachineConfiguration machine, DriveConfiguration drive, string actionName)
    {
        if (!await context.ShouldProcessAsync(machine.Name, actionName))
        {
            return;
        }

        await context.Service<IMachines>().ChangeAsync(
            machine.Id,
            (c, status) =>
            {
                DrivePlaces.RequireHotPluggable(c, status, drive.Bus);
                return c with { Drives = [.. c.Drives.Where(other => other.Id != drive.Id)] };
            },
            context.Cancellation);
        if (Passthru)
        {
            var host = context.Service<IHostSettings>().Facts.Name;
            context.WriteObject(drive.Kind == DriveKind.HardDisk ? ModelMapper.HardDisk(machine, drive, host) : ModelMapper.Dvd(machine, drive, host));
        }
    }
}
