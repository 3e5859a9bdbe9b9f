using Vireo.Machines;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines;

/// <summary>Brings a running machine from one configuration to another, as far as devices can change while it runs.</summary>
/// <param name="machine">The machine.</param>
/// <param name="connector">The way to the planes.</param>
internal sealed class LiveChange(IMachine machine, DeviceConnector connector)
{
    /// <summary>Applies the difference; throws when the machine refuses a part of it.</summary>
    public async Task ApplyAsync(VirtualMachineConfiguration before, VirtualMachineConfiguration after, CancellationToken cancellation)
    {
        foreach (var drive in before.Drives.Where(old => after.Drives.All(kept => kept.Id != old.Id)))
        {
            await RemoveAsync(drive, cancellation);
        }

        foreach (var drive in after.Drives)
        {
            var old = before.Drives.FirstOrDefault(candidate => candidate.Id == drive.Id);
            if (old is null)
            {
                await AddAsync(after, drive, cancellation);
            }
            else if (drive.Kind == DriveKind.Dvd && old.Path != drive.Path)
            {
                await ChangeMediumAsync(after, drive, cancellation);
            }
        }

        foreach (var adapter in after.NetworkAdapters)
        {
            if (before.NetworkAdapters.FirstOrDefault(candidate => candidate.Id == adapter.Id) is { } old && old != adapter)
            {
                await connector.ConnectAdapterAsync(adapter, cancellation);
                if (old.SwitchId is null != adapter.SwitchId is null)
                {
                    await machine.SetLinkAsync(adapter.Id, adapter.SwitchId is not null, cancellation);
                }
            }
        }
    }

    private async Task AddAsync(VirtualMachineConfiguration configuration, DriveConfiguration drive, CancellationToken cancellation)
    {
        var connection = await connector.OpenDriveAsync(configuration, drive, cancellation);
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

    private async Task RemoveAsync(DriveConfiguration drive, CancellationToken cancellation)
    {
        await machine.RemoveDriveAsync(drive.Id, cancellation);
        await connector.CloseDriveAsync(drive.Id, cancellation);
    }

    private async Task ChangeMediumAsync(VirtualMachineConfiguration configuration, DriveConfiguration drive, CancellationToken cancellation)
    {
        await machine.ChangeMediumAsync(drive.Id, null, cancellation);
        await connector.CloseDriveAsync(drive.Id, cancellation);
        if (drive.Path is not null)
        {
            var connection = await connector.OpenDriveAsync(configuration, drive, cancellation);
            await machine.ChangeMediumAsync(drive.Id, connection, cancellation);
        }
    }
}
