using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines;

/// <summary>
/// Brings a running machine from the devices it has to those it should have, as far as devices can change while it runs. It goes by what
/// the process is known to have (<see cref="IMachine.Running"/>), not by what somebody meant it to have, and each step may be repeated: so
/// the same call finishes a change that was cut short, and undoes one that failed.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="connector">The way to the planes.</param>
internal sealed class LiveChange(IMachine machine, DeviceConnector connector)
{
    /// <summary>Applies the difference; throws when the machine or a plane refuses a part of it, and stops between two steps when cancelled.</summary>
    public async Task ApplyAsync(VirtualMachineConfiguration wanted, CancellationToken cancellation)
    {
        var present = machine.Running?.Configuration ?? throw new MachineException(MachineErrorKind.NotSupported, "The virtual machine does not run.");
        foreach (var drive in present.Drives.Where(old => wanted.Drives.All(kept => kept.Id != old.Id)))
        {
            await machine.RemoveDriveAsync(drive.Id, cancellation);
            CrashPoint.Hit("live.drive.removed");
            await connector.CloseDriveAsync(drive.Id, CancellationToken.None);
        }

        foreach (var drive in wanted.Drives)
        {
            cancellation.ThrowIfCancellationRequested();
            var old = present.Drives.FirstOrDefault(candidate => candidate.Id == drive.Id);
            if (old is null)
            {
                await AddAsync(wanted, drive, cancellation);
            }
            else if (drive.Kind == DriveKind.Dvd && old.Path != drive.Path)
            {
                await ChangeMediumAsync(wanted, drive, cancellation);
            }
        }

        foreach (var adapter in wanted.NetworkAdapters)
        {
            cancellation.ThrowIfCancellationRequested();
            if (present.NetworkAdapters.FirstOrDefault(candidate => candidate.Id == adapter.Id) is { } old && old != adapter)
            {
                await ConnectAsync(wanted, adapter, cancellation);
            }
        }
    }

    /// <summary>Puts the cable of one adapter where it belongs.</summary>
    public async Task ConnectAsync(VirtualMachineConfiguration wanted, NetworkAdapterConfiguration adapter, CancellationToken cancellation)
    {
        await connector.ConnectAdapterAsync(wanted, adapter, cancellation);
        CrashPoint.Hit("live.port.put");
        await machine.SetAdapterAsync(adapter, CancellationToken.None);
    }

    private async Task AddAsync(VirtualMachineConfiguration wanted, DriveConfiguration drive, CancellationToken cancellation)
    {
        var connection = await connector.OpenDriveAsync(wanted, drive, cancellation);
        CrashPoint.Hit("live.drive.opened");
        try
        {
            await machine.AddDriveAsync(drive, connection, cancellation);
        }
        catch
        {
            await connector.CloseDriveAsync(drive.Id, CancellationToken.None);
            throw;
        }
    }

    private async Task ChangeMediumAsync(VirtualMachineConfiguration wanted, DriveConfiguration drive, CancellationToken cancellation)
    {
        await machine.ChangeMediumAsync(drive with { Path = null }, null, cancellation);
        CrashPoint.Hit("live.medium.ejected");
        await connector.CloseDriveAsync(drive.Id, CancellationToken.None);
        if (drive.Path is not null)
        {
            var connection = await connector.OpenDriveAsync(wanted, drive, CancellationToken.None);
            CrashPoint.Hit("live.medium.opened");
            await machine.ChangeMediumAsync(drive, connection, CancellationToken.None);
        }
    }
}
