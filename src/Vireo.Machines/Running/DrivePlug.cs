using System.Text.Json.Nodes;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.Qmp;
using Vireo.Platform.Testing;

namespace Vireo.Machines.Running;

/// <summary>
/// Adds hard disks to a running machine and removes them. Each step looks at what is there before it acts, so whatever was cut short is
/// finished by asking again. The record names a drive when its device is in the machine for certain.
/// </summary>
/// <param name="process">Its process.</param>
/// <param name="time">Clock.</param>
internal sealed class DrivePlug(MachineProcess process, TimeProvider time)
{
    private static readonly TimeSpan s_unplugPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_releasePatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Adds a hard disk on the SCSI bus.</summary>
    public async Task AddAsync(DriveConfiguration drive, DriveConnection connection, CancellationToken cancellationToken)
    {
        if (!MachineValidator.IsPciDisk(process.Record.Configuration, drive))
        {
            throw new MachineException(MachineErrorKind.NotSupported, "Only hard disks on a synthetic SCSI controller can be added while the virtual machine runs.");
        }

        var record = process.Record;
        if (record.Configuration.Drives.Any(present => present.Id == drive.Id))
        {
            throw new MachineException(MachineErrorKind.NotSupported, $"The running virtual machine has the drive {drive.Id} already.");
        }

        // The place goes first: whoever finds the device without its drive finds it where it is.
        var device = DeviceNames.Drive(drive.Id);
        var slots = record.Slots.Add(record.Configuration.Generation, device);
        process.Update(current => current with { Slots = slots });
        try
        {
            await AddBackEndAsync(connection, cancellationToken).ConfigureAwait(false);
            CrashPoint.Hit("machine.drive.reached");
            if (!await ExistsAsync(device, cancellationToken).ConfigureAwait(false))
            {
                var option = DeviceOptions.PciDisk(connection, record.Configuration.Generation, slots, record.Plan.Accelerator, bootIndex: null);
                await process.ExecuteAsync("device_add", option.ToJson(), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (QmpException)
        {
            await RemoveBackEndAsync(drive.Id).ConfigureAwait(false);
            process.Update(current => current with { Slots = current.Slots.Remove(device) });
            throw;
        }

        CrashPoint.Hit("machine.drive.plugged");
        process.Update(current => current with
        {
            Configuration = current.Configuration with { Drives = [.. current.Configuration.Drives, drive] },
            Plan = current.Plan.WithDrive(drive.Id, connection),
        });
    }

    /// <summary>
    /// Removes a hard disk on the SCSI bus: asks the guest and waits until it has let go. A guest that takes longer may still let go later,
    /// see <see cref="ForgetReleasedAsync"/>.
    /// </summary>
    public async Task RemoveAsync(Guid driveId, CancellationToken cancellationToken)
    {
        var drive = process.Record.Configuration.Drives.FirstOrDefault(candidate => candidate.Id == driveId)
            ?? throw new MachineException(MachineErrorKind.NotSupported, $"The running virtual machine has no drive {driveId}.");
        if (!MachineValidator.IsPciDisk(process.Record.Configuration, drive))
        {
            throw new MachineException(MachineErrorKind.NotSupported, "Only hard disks on a SCSI controller can be removed while the virtual machine runs.");
        }

        await AskToReleaseAsync(DeviceNames.Drive(driveId), cancellationToken).ConfigureAwait(false);
        CrashPoint.Hit("machine.drive.unplugged");
        await ForgetAsync(driveId).ConfigureAwait(false);
    }

    /// <summary>Forgets the drives that the guest let go of after nobody waited for it any more; returns them.</summary>
    public async Task<IReadOnlyList<DriveConfiguration>> ForgetReleasedAsync(CancellationToken cancellationToken)
    {
        var devices = await ListDevicesAsync(cancellationToken).ConfigureAwait(false);
        var released = process.Record.Configuration.Drives.Where(drive => MachineValidator.IsPciDisk(process.Record.Configuration, drive) && !devices.Contains(DeviceNames.Drive(drive.Id))).ToList();
        foreach (var drive in released)
        {
            await ForgetAsync(drive.Id).ConfigureAwait(false);
        }

        return released;
    }

    private async Task AskToReleaseAsync(string device, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(s_unplugPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            if (!await ExistsAsync(device, either.Token).ConfigureAwait(false))
            {
                return;
            }

            try
            {
                await process.ExecuteAsync("device_del", new JsonObject { ["id"] = device }, either.Token).ConfigureAwait(false);
            }
            catch (QmpException exception) when (exception.Description.Contains("already in the process of unplug", StringComparison.Ordinal))
            {
                // Asked before; the guest has not answered yet.
            }

            while (await ExistsAsync(device, either.Token).ConfigureAwait(false))
            {
                await Task.Delay(s_pause, time, either.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException exception) when (limit.IsCancellationRequested)
        {
            throw new MachineException(
                MachineErrorKind.GuestTimeout, $"The guest did not let go of the disk within {s_unplugPatience.TotalSeconds:0} s. Unmount it in the guest and try again.", exception);
        }
    }

    private async Task ForgetAsync(Guid driveId)
    {
        await RemoveBackEndAsync(driveId).ConfigureAwait(false);
        process.Update(record => record with
        {
            Slots = record.Slots.Remove(DeviceNames.Drive(driveId)),
            Configuration = record.Configuration with { Drives = [.. record.Configuration.Drives.Where(drive => drive.Id != driveId)] },
            Plan = record.Plan.WithDrive(driveId, null),
        });
    }

    private async Task AddBackEndAsync(DriveConnection connection, CancellationToken cancellationToken)
    {
        if (connection.Transport == DriveTransport.Nbd)
        {
            var node = DeviceOptions.NbdNode(connection, connection.ReadOnly);
            if (!await HasNodeAsync(connection.DriveId, cancellationToken).ConfigureAwait(false))
            {
                await process.ExecuteAsync("blockdev-add", node.ToJson(), cancellationToken).ConfigureAwait(false);
            }
        }
        else if (!await HasSocketAsync(connection.DriveId, cancellationToken).ConfigureAwait(false))
        {
            await process.ExecuteAsync("chardev-add", DescribeSocket(connection), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>QEMU lets go of a device a moment after its name is gone; until then what is behind it is busy. Not cancelled half-way.</summary>
    private async Task RemoveBackEndAsync(Guid driveId)
    {
        using var limit = new CancellationTokenSource(s_releasePatience, time);
        while (true)
        {
            try
            {
                if (await HasSocketAsync(driveId, limit.Token).ConfigureAwait(false))
                {
                    await process.ExecuteAsync("chardev-remove", new JsonObject { ["id"] = DeviceNames.DriveSocket(driveId) }, limit.Token).ConfigureAwait(false);
                }

                if (await HasNodeAsync(driveId, limit.Token).ConfigureAwait(false))
                {
                    await process.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = DeviceNames.Node(driveId) }, limit.Token).ConfigureAwait(false);
                }

                return;
            }
            catch (QmpException exception) when (IsBusy(exception) && !limit.IsCancellationRequested)
            {
                await Task.Delay(s_pause, time, limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException exception)
            {
                throw new MachineException(
                    MachineErrorKind.NotSupported, $"QEMU did not let go of what is behind the drive {driveId} within {s_releasePatience.TotalSeconds:0} s.", exception);
            }
        }
    }

    private static bool IsBusy(QmpException exception) =>
        exception.Description.Contains("busy", StringComparison.Ordinal) || exception.Description.Contains("in use", StringComparison.Ordinal);

    private static JsonObject DescribeSocket(DriveConnection connection) => new()
    {
        ["id"] = DeviceNames.DriveSocket(connection.DriveId),
        ["backend"] = new JsonObject
        {
            ["type"] = "socket",
            ["data"] = new JsonObject
            {
                ["addr"] = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = connection.SocketPath } },
                ["server"] = false,
                ["reconnect"] = 1,
            },
        },
    };

    private async Task<bool> HasSocketAsync(Guid driveId, CancellationToken cancellationToken)
    {
        var sockets = await process.ExecuteAsync("query-chardev", null, cancellationToken).ConfigureAwait(false);
        return sockets.AsList().Any(entry => entry.Member("label").AsText() == DeviceNames.DriveSocket(driveId));
    }

    private async Task<bool> HasNodeAsync(Guid driveId, CancellationToken cancellationToken)
    {
        var nodes = await process.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, cancellationToken).ConfigureAwait(false);
        return nodes.AsList().Any(node => node.Member("node-name").AsText() == DeviceNames.Node(driveId));
    }

    private async Task<bool> ExistsAsync(string device, CancellationToken cancellationToken) =>
        (await ListDevicesAsync(cancellationToken).ConfigureAwait(false)).Contains(device);

    private async Task<IReadOnlySet<string>> ListDevicesAsync(CancellationToken cancellationToken)
    {
        var devices = await process.ExecuteAsync("qom-list", new JsonObject { ["path"] = "/machine/peripheral" }, cancellationToken).ConfigureAwait(false);
        return devices.AsList().Select(entry => entry.Member("name").AsText()).ToHashSet(StringComparer.Ordinal);
    }
}
