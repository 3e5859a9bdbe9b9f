using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Base of the commands that remove drives: by object, or by their place in one machine.</summary>
public abstract class DriveRemoval : MachineCommand
{
    /// <summary>Removes drives that were given as objects.</summary>
    private protected static async Task RemoveObjectsAsync(CommandContext context, IEnumerable<Drive> drives, string actionName, bool passthru)
    {
        var service = context.Service<IMachines>();
        foreach (var drive in drives)
        {
            await GuardAsync(context, () =>
            {
                var machine = service.Find(drive.VMId) ?? throw Errors.MachineGone(drive.VMId);
                return RemoveAsync(context, machine, DrivePlaces.OfObject(machine, drive), actionName, passthru);
            });
        }
    }

    /// <summary>Removes the drive at a place of the machines of that name.</summary>
    private protected async Task RemovePlaceAsync(
        CommandContext context, string name, DriveKind kind, ControllerType? bus, int? controller, int? location, string actionName, bool passthru)
    {
        foreach (var machine in Resolve(context, [name], null))
        {
            await GuardAsync(
                context, () => RemoveAsync(context, machine, DrivePlaces.Single(machine, kind, bus, controller, location), actionName, passthru));
        }
    }

    private static async Task RemoveAsync(
        CommandContext context, VirtualMachineConfiguration machine, DriveConfiguration drive, string actionName, bool passthru)
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
        if (passthru)
        {
            var host = context.Service<IHostSettings>().Facts.Name;
            context.WriteObject(drive.Kind == DriveKind.HardDisk ? ModelMapper.HardDisk(machine, drive, host) : ModelMapper.Dvd(machine, drive, host));
        }
    }
}
