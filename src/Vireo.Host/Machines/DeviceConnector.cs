using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Host.Switches;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;

namespace Vireo.Host.Machines;

/// <summary>Connects a machine's drives and adapters to the planes that serve them. Each step may be repeated.</summary>
/// <param name="storage">Storage plane.</param>
/// <param name="switches">Switch plane.</param>
/// <param name="paths">Where sockets go.</param>
/// <param name="socketGroup">Group that QEMU runs as; null when it runs as we do.</param>
/// <param name="disks">How hard disks on the SCSI bus are served.</param>
public sealed class DeviceConnector(IStorageControl storage, ISwitchControl switches, HostPaths paths, int? socketGroup, DriveTransport disks)
{
    private const int MaximumQueues = 8;

    /// <summary>Opens every drive that has an image.</summary>
    public Task<IReadOnlyList<DriveConnection>> OpenDrivesAsync(VirtualMachineConfiguration machine, CancellationToken cancellation) =>
        OpenDrivesAsync(machine, static (_, attachment) => attachment, static (_, _) => { }, cancellation);

    /// <summary>How hard disks on the SCSI bus are served: part of what a guest sees.</summary>
    public DriveTransport Disks => disks;

    /// <summary>Group that may connect to what guests use; null when that is ours.</summary>
    public int? SocketGroup => socketGroup;

    /// <summary>The same in another way: some disks of a machine that comes from another host are yet that host's.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="how">How a drive is to be open.</param>
    /// <param name="opened">Told what was opened.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<IReadOnlyList<DriveConnection>> OpenDrivesAsync(
        VirtualMachineConfiguration machine, Func<DriveConfiguration, DiskAttachment, DiskAttachment> how, Action<DriveConfiguration, DiskStatus> opened, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var connections = new List<DriveConnection>();
        foreach (var drive in WithFloppy(machine).Where(drive => drive.Path is not null))
        {
            var connection = Connection(machine, drive);
            var disk = await storage.OpenDiskAsync(how(drive, Attachment(drive, connection)), cancellation);
            opened(drive, disk);
            connections.Add(connection with { LogicalSectorBytes = disk.LogicalSectorBytes, PhysicalSectorBytes = disk.PhysicalSectorBytes });
        }

        return connections;
    }

    /// <summary>Opens one drive.</summary>
    public async Task<DriveConnection> OpenDriveAsync(VirtualMachineConfiguration machine, DriveConfiguration drive, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(drive);
        var connection = Connection(machine, drive);
        var disk = await OpenAsync(drive, connection, cancellation);
        return connection with { LogicalSectorBytes = disk.LogicalSectorBytes, PhysicalSectorBytes = disk.PhysicalSectorBytes };
    }

    /// <summary>
    /// Hard disks of a running machine that the storage plane serves from another image than the machine knows: somebody took a snapshot, merged or
    /// moved them by the plane's own interface. By drive, the image that counts now.
    /// </summary>
    public async Task<IReadOnlyDictionary<Guid, string>> FindMovedAsync(RunningMachine running, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(running);
        var served = (await storage.ListDisksAsync(cancellation)).ToDictionary(disk => disk.Attachment.Id, disk => disk.Attachment);
        var moved = new Dictionary<Guid, string>();
        foreach (var drive in running.Configuration.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }))
        {
            if (served.TryGetValue(drive.Id, out var attachment) && attachment.Path != drive.Path
                && running.Plan.Drives.Any(connection => connection.DriveId == drive.Id && connection.SocketPath == attachment.SocketPath))
            {
                moved.Add(drive.Id, attachment.Path);
            }
        }

        return moved;
    }

    /// <summary>
    /// Makes the storage plane serve what a running machine has, the way it was served when the machine got it, and nothing for its drives
    /// that are empty.
    /// </summary>
    public async Task ReopenDrivesAsync(RunningMachine running, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(running);
        foreach (var drive in WithFloppy(running.Configuration))
        {
            if (drive.Path is not null && running.Plan.Drives.FirstOrDefault(candidate => candidate.DriveId == drive.Id) is { } connection)
            {
                await OpenAsync(drive, connection, cancellation);
            }
            else
            {
                await CloseDriveAsync(drive.Id, cancellation);
            }
        }
    }

    /// <summary>Closes one drive.</summary>
    public Task CloseDriveAsync(Guid drive, CancellationToken cancellation) => storage.CloseDiskAsync(drive, cancellation);

    /// <summary>Makes the port of every adapter.</summary>
    public async Task<IReadOnlyList<AdapterConnection>> ConnectAdaptersAsync(VirtualMachineConfiguration machine, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var connections = new List<AdapterConnection>();
        foreach (var adapter in machine.NetworkAdapters)
        {
            connections.Add(await ConnectAdapterAsync(machine, adapter, cancellation));
        }

        // Extensions of the switches may refuse the machine, once they know all of its ports.
        foreach (var adapter in machine.NetworkAdapters)
        {
            await switches.NotifyPortAsync(adapter.Id, PortNoticeKind.MachineStarting, cancellation);
        }

        return connections;
    }

    /// <summary>
    /// Asks the extensions of the machine's switches whether it may be deleted. It has no process and so no ports: they are made for the question
    /// and go again, and where a switch has no extension nobody is asked.
    /// </summary>
    /// <exception cref="ControlException">One refuses.</exception>
    public async Task AskToDeleteAsync(VirtualMachineConfiguration machine, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(machine);

        // An adapter without an address was never on a switch: no extension knows of it.
        var connected = machine.NetworkAdapters.Where(adapter => adapter.SwitchId is not null && adapter.MacAddress.Length > 0).ToList();
        if (connected.Count == 0)
        {
            return;
        }

        var extended = (await switches.ListSwitchesAsync(cancellation))
            .Where(one => one.Extensions is { } all && all.Any(extension => extension.Enabled))
            .Select(one => one.Switch.Id).ToHashSet();
        List<Guid> asked = [];
        try
        {
            foreach (var adapter in connected.Where(adapter => extended.Contains(adapter.SwitchId!.Value)))
            {
                asked.Add(adapter.Id);
                await ConnectAdapterAsync(machine, adapter, cancellation);
            }

            foreach (var adapter in asked)
            {
                await switches.NotifyPortAsync(adapter, PortNoticeKind.MachineDeleting, cancellation);
            }
        }
        finally
        {
            foreach (var adapter in asked)
            {
                await switches.RemovePortAsync(adapter, CancellationToken.None);
            }
        }
    }

    /// <summary>Makes or changes the port of one adapter. An adapter without a switch has a port too, so that its cable can be plugged in later.</summary>
    public async Task<AdapterConnection> ConnectAdapterAsync(VirtualMachineConfiguration machine, NetworkAdapterConfiguration adapter, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(adapter);
        var socket = paths.PortSocket(adapter.Id);
        var qemuSocket = MachineValidator.IsEmulated(machine, adapter) ? Path.Combine(paths.MachineRun(machine.Id), AdapterConnection.QemuSocketName(adapter.Id)) : null;
        await switches.PutPortAsync(
            new PortSpecification(
                adapter.Id, adapter.SwitchId, qemuSocket is null ? PortKind.VhostUser : PortKind.Datagram, socket, null, adapter.MacAddress,
                PortPolicies.VlanMode(adapter.Policy, adapter.AccessVlanId), adapter.AccessVlanId, QueuePairs: 1, socketGroup,
                Policy: PortPolicies.Of(adapter.Policy, isGuest: true), PeerSocketPath: qemuSocket),
            cancellation);
        return new AdapterConnection(adapter.Id, socket, adapter.MacAddress, QemuSocketPath: qemuSocket);
    }

    private static IEnumerable<DriveConfiguration> WithFloppy(VirtualMachineConfiguration machine) =>
        FloppyDrive.Of(machine) is { } floppy ? machine.Drives.Append(floppy) : machine.Drives;

    private DriveConnection Connection(VirtualMachineConfiguration machine, DriveConfiguration drive)
    {
        var synthetic = MachineValidator.IsPciDisk(machine, drive);
        var transport = synthetic ? disks : DriveTransport.Nbd;
        return new DriveConnection(
            drive.Id, transport, paths.DiskSocket(drive.Id), synthetic ? Math.Min(machine.Processor.Count, MaximumQueues) : 1, ReadOnly: drive.Kind == DriveKind.Dvd,
            PlatformAccess: transport == DriveTransport.VhostUserBlock);
    }

    private DiskAttachment Attachment(DriveConfiguration drive, DriveConnection connection) => new(
        drive.Id, drive.Path!, connection.ReadOnly, connection.Transport == DriveTransport.VhostUserBlock ? FrontEndKind.VhostUserBlock : FrontEndKind.Nbd,
        connection.SocketPath, connection.Queues, socketGroup, IsDevice: drive.PhysicalDisk is not null);

    private Task<DiskStatus> OpenAsync(DriveConfiguration drive, DriveConnection connection, CancellationToken cancellation) =>
        storage.OpenDiskAsync(Attachment(drive, connection), cancellation);

    /// <summary>Closes everything of a machine that has no process; what one plane refuses does not keep the other's open.</summary>
    public async Task CloseAsync(VirtualMachineConfiguration machine, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ControlException? first = null;
        foreach (var close in WithFloppy(machine).Select(drive => (Func<Task>)(() => storage.CloseDiskAsync(drive.Id, cancellation)))
            .Concat(machine.NetworkAdapters.Select(adapter => (Func<Task>)(() => DisconnectAsync(adapter.Id, cancellation)))))
        {
            try
            {
                await close();
            }
            catch (ControlException refused)
            {
                first ??= refused;
            }
        }

        if (first is not null)
        {
            throw new ControlException(first.Error, first);
        }
    }

    private async Task DisconnectAsync(Guid adapter, CancellationToken cancellation)
    {
        await switches.NotifyPortAsync(adapter, PortNoticeKind.MachineStopped, cancellation);
        await switches.RemovePortAsync(adapter, cancellation);
    }
}
