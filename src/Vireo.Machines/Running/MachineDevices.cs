using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.Qmp;

namespace Vireo.Machines.Running;

/// <summary>Changes the devices of a running machine.</summary>
/// <param name="process">Its process.</param>
/// <param name="time">Clock.</param>
internal sealed class MachineDevices(MachineProcess process, TimeProvider time)
{
    private static readonly TimeSpan s_unplugPatience = TimeSpan.FromSeconds(30);

    /// <summary>Changes the disk in a DVD drive; null ejects.</summary>
    public async Task ChangeMediumAsync(Guid driveId, DriveConnection? medium, CancellationToken cancellationToken)
    {
        var drive = Find(driveId);
        if (drive.Kind != DriveKind.Dvd)
        {
            throw new MachineException(MachineErrorKind.NotSupported, "Only the disk in a DVD drive can be changed.");
        }

        var device = DeviceNames.Drive(driveId);
        var present = await FindMediumAsync(device, cancellationToken).ConfigureAwait(false);
        var next = medium is null ? null : DeviceOptions.NbdNode(medium, readOnly: true, present is null ? 0 : NextGeneration(present));
        if (next is not null)
        {
            // First, so that a disk that cannot be reached leaves the present one in place.
            await process.ExecuteAsync("blockdev-add", next.ToJson(), cancellationToken).ConfigureAwait(false);
        }

        await process.ExecuteAsync("blockdev-open-tray", new JsonObject { ["id"] = device, ["force"] = true }, cancellationToken).ConfigureAwait(false);
        await process.ExecuteAsync("blockdev-remove-medium", new JsonObject { ["id"] = device }, cancellationToken).ConfigureAwait(false);
        if (present is not null)
        {
            await process.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = present }, cancellationToken).ConfigureAwait(false);
        }

        if (next is not null)
        {
            var node = next.ToJson()["node-name"]!.GetValue<string>();
            await process.ExecuteAsync("blockdev-insert-medium", new JsonObject { ["id"] = device, ["node-name"] = node }, cancellationToken).ConfigureAwait(false);
        }

        await process.ExecuteAsync("blockdev-close-tray", new JsonObject { ["id"] = device }, cancellationToken).ConfigureAwait(false);
        process.Update(record => record with { Plan = record.Plan with { Drives = Replace(record.Plan.Drives, driveId, medium) } });
    }

    /// <summary>Adds a hard disk on the SCSI bus.</summary>
    public async Task AddDriveAsync(DriveConfiguration drive, DriveConnection connection, CancellationToken cancellationToken)
    {
        if (MachineValidator.ExpectedTransport(drive) != DriveTransport.VhostUserBlock || connection.Transport != DriveTransport.VhostUserBlock)
        {
            throw new MachineException(MachineErrorKind.NotSupported, "Only hard disks on a SCSI controller can be added while the virtual machine runs.");
        }

        var record = process.Record;
        var device = DeviceNames.Drive(drive.Id);
        var slots = record.Slots.Add(record.Configuration.Generation, device);
        await process.ExecuteAsync("chardev-add", DescribeSocket(connection), cancellationToken).ConfigureAwait(false);
        try
        {
            var option = DeviceOptions.VhostUserDisk(connection, record.Configuration.Generation, slots, record.Plan.Accelerator, bootIndex: null);
            await process.ExecuteAsync("device_add", option.ToJson(), cancellationToken).ConfigureAwait(false);
        }
        catch (QmpException)
        {
            await RemoveSocketAsync(drive.Id, cancellationToken).ConfigureAwait(false);
            throw;
        }

        process.Update(current => current with
        {
            Slots = slots,
            Configuration = current.Configuration with { Drives = [.. current.Configuration.Drives, drive] },
            Plan = current.Plan with { Drives = Replace(current.Plan.Drives, drive.Id, connection) },
        });
    }

    /// <summary>Removes a hard disk on the SCSI bus: asks the guest and waits until it has let go.</summary>
    public async Task RemoveDriveAsync(Guid driveId, CancellationToken cancellationToken)
    {
        if (MachineValidator.ExpectedTransport(Find(driveId)) != DriveTransport.VhostUserBlock)
        {
            throw new MachineException(MachineErrorKind.NotSupported, "Only hard disks on a SCSI controller can be removed while the virtual machine runs.");
        }

        var device = DeviceNames.Drive(driveId);
        await process.ExecuteAsync("device_del", new JsonObject { ["id"] = device }, cancellationToken).ConfigureAwait(false);
        using var limit = new CancellationTokenSource(s_unplugPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            while (await ExistsAsync(device, either.Token).ConfigureAwait(false))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, either.Token).ConfigureAwait(false);
            }

            await RemoveSocketAsync(driveId, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (limit.IsCancellationRequested)
        {
            throw new MachineException(
                MachineErrorKind.GuestTimeout, $"The guest did not let go of the disk within {s_unplugPatience.TotalSeconds:0} s. Unmount it in the guest and try again.", exception);
        }

        process.Update(record => record with
        {
            Slots = record.Slots.Remove(device),
            Configuration = record.Configuration with { Drives = [.. record.Configuration.Drives.Where(drive => drive.Id != driveId)] },
            Plan = record.Plan with { Drives = Replace(record.Plan.Drives, driveId, null) },
        });
    }

    /// <summary>Plugs a network cable in or out.</summary>
    public Task SetLinkAsync(Guid adapterId, bool up, CancellationToken cancellationToken) =>
        process.ExecuteAsync("set_link", new JsonObject { ["name"] = DeviceNames.Adapter(adapterId), ["up"] = up }, cancellationToken);

    /// <summary>Memory of the guest.</summary>
    public async Task<MachineMemory> GetMemoryAsync(CancellationToken cancellationToken)
    {
        var balloon = await process.ExecuteAsync("query-balloon", null, cancellationToken).ConfigureAwait(false);
        var statistics = await process.ExecuteAsync("qom-get", BalloonProperty("guest-stats"), cancellationToken).ConfigureAwait(false);
        if (statistics.Member("last-update").AsNumber() == 0)
        {
            // Statistics begin when somebody wants them: asking wakes the guest.
            var interval = BalloonProperty("guest-stats-polling-interval");
            interval["value"] = 5;
            await process.ExecuteAsync("qom-set", interval, cancellationToken).ConfigureAwait(false);
        }

        var values = statistics.Member("stats");
        return new(balloon.Member("actual").AsNumber(), Statistic(values, "stat-available-memory"), Statistic(values, "stat-total-memory"));
    }

    private static JsonObject BalloonProperty(string property) => new() { ["path"] = $"/machine/peripheral/{DeviceNames.Balloon}", ["property"] = property };

    /// <summary>A value that the guest's driver does not tell is -1, as an unsigned number or not. What it does tell is the guest's word.</summary>
    private static long? Statistic(JsonElement values, string name) =>
        values.FindMember(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) && number >= 0 ? number : null;

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

    private static List<DriveConnection> Replace(IReadOnlyList<DriveConnection> connections, Guid driveId, DriveConnection? connection)
    {
        var others = connections.Where(candidate => candidate.DriveId != driveId).ToList();
        if (connection is not null)
        {
            others.Add(connection);
        }

        return others;
    }

    /// <summary>Node names of media are numbered, see <see cref="DeviceNames.Node"/>: the old node still exists when the new one is made.</summary>
    private static int NextGeneration(string node) => node.Length > 1 && char.IsAsciiDigit(node[1]) ? node[1] - '0' + 1 : 0;

    private async Task<string?> FindMediumAsync(string device, CancellationToken cancellationToken)
    {
        var blocks = await process.ExecuteAsync("query-block", null, cancellationToken).ConfigureAwait(false);
        foreach (var block in blocks.AsList())
        {
            if (block.FindMember("qdev")?.FindText() is { } path && (path == device || path.EndsWith($"/{device}", StringComparison.Ordinal))
                && block.FindMember("inserted") is { } inserted)
            {
                return inserted.Member("node-name").AsText();
            }
        }

        return null;
    }

    /// <summary>QEMU lets go of a device a moment after its name is gone; until then its socket is busy.</summary>
    private async Task RemoveSocketAsync(Guid driveId, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await process.ExecuteAsync("chardev-remove", new JsonObject { ["id"] = DeviceNames.DriveSocket(driveId) }, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (QmpException exception) when (exception.Description.Contains("busy", StringComparison.Ordinal))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<bool> ExistsAsync(string device, CancellationToken cancellationToken)
    {
        var devices = await process.ExecuteAsync("qom-list", new JsonObject { ["path"] = "/machine/peripheral" }, cancellationToken).ConfigureAwait(false);
        return devices.AsList().Any(entry => entry.Member("name").AsText() == device);
    }

    private DriveConfiguration Find(Guid driveId) => process.Record.Configuration.Drives.FirstOrDefault(drive => drive.Id == driveId)
        ?? throw new MachineException(MachineErrorKind.NotSupported, $"The running virtual machine has no drive {driveId}.");
}
