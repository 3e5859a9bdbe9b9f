using System.Text.Json.Nodes;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.Qmp;
using Vireo.Platform.Testing;

namespace Vireo.Machines.Running;

/// <summary>Changes the devices of a running machine; what changed is in its record when a call returns. Hard disks: <see cref="DrivePlug"/>.</summary>
/// <param name="process">Its process.</param>
internal sealed class MachineDevices(MachineProcess process)
{
    /// <summary>
    /// Puts the disk of <paramref name="drive"/> into its DVD drive; a drive without a path is emptied. A change that was cut short at any
    /// point is finished by asking again.
    /// </summary>
    public async Task ChangeMediumAsync(DriveConfiguration drive, DriveConnection? medium, CancellationToken cancellationToken)
    {
        if (Find(drive.Id).Kind != DriveKind.Dvd)
        {
            throw new MachineException(MachineErrorKind.NotSupported, "Only the disk in a DVD drive can be changed.");
        }

        var device = DeviceNames.Drive(drive.Id);
        var present = await FindMediumAsync(device, cancellationToken).ConfigureAwait(false);
        foreach (var left in (await FindNodesAsync(drive.Id, cancellationToken).ConfigureAwait(false)).Where(node => node != present))
        {
            await process.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = left }, cancellationToken).ConfigureAwait(false);
        }

        var next = medium is null ? null : DeviceOptions.NbdNode(medium, readOnly: true, present is null ? 0 : NextGeneration(present));
        if (next is not null)
        {
            // First, so that a disk that cannot be reached leaves the present one in place.
            await process.ExecuteAsync("blockdev-add", next.ToJson(), cancellationToken).ConfigureAwait(false);
            CrashPoint.Hit("machine.medium.reached");
        }

        await process.ExecuteAsync("blockdev-open-tray", new JsonObject { ["id"] = device, ["force"] = true }, cancellationToken).ConfigureAwait(false);
        await process.ExecuteAsync("blockdev-remove-medium", new JsonObject { ["id"] = device }, cancellationToken).ConfigureAwait(false);
        CrashPoint.Hit("machine.medium.removed");
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
        CrashPoint.Hit("machine.medium.changed");
        process.Update(record => record with
        {
            Configuration = record.Configuration with { Drives = [.. record.Configuration.Drives.Select(other => other.Id == drive.Id ? other with { Path = drive.Path } : other)] },
            Plan = record.Plan.WithDrive(drive.Id, medium),
        });
    }

    /// <summary>Plugs the cable of an adapter in when it is connected to a switch, else out.</summary>
    public async Task SetAdapterAsync(NetworkAdapterConfiguration adapter, CancellationToken cancellationToken)
    {
        await process.ExecuteAsync(
            "set_link", new JsonObject { ["name"] = DeviceNames.Adapter(adapter.Id), ["up"] = adapter.SwitchId is not null }, cancellationToken).ConfigureAwait(false);
        CrashPoint.Hit("machine.link.set");
        if (process.Record.Configuration.NetworkAdapters.Contains(adapter))
        {
            return;
        }

        process.Update(record => record with
        {
            Configuration = record.Configuration with
            {
                NetworkAdapters = [.. record.Configuration.NetworkAdapters.Select(other => other.Id == adapter.Id ? adapter : other)],
            },
        });
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

    /// <summary>Every node of a drive, also those that nothing uses.</summary>
    private async Task<IReadOnlyList<string>> FindNodesAsync(Guid driveId, CancellationToken cancellationToken)
    {
        var nodes = await process.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, cancellationToken).ConfigureAwait(false);
        return [.. nodes.AsList().Select(node => node.Member("node-name").AsText()).Where(name => DeviceNames.IsNode(name, driveId))];
    }

    private DriveConfiguration Find(Guid driveId) => process.Record.Configuration.Drives.FirstOrDefault(drive => drive.Id == driveId)
        ?? throw new MachineException(MachineErrorKind.NotSupported, $"The running virtual machine has no drive {driveId}.");
}
