using Vireo.Machines.Accelerators;

namespace Vireo.Machines.Devices;

/// <summary>Devices that a machine may start with or get while it runs.</summary>
internal static class DeviceOptions
{
    /// <summary>Seconds during which requests wait for a storage plane that restarts, before the guest sees errors.</summary>
    public const int ReconnectSeconds = 60;

    /// <summary>Block node of a disk served over NBD.</summary>
    /// <param name="connection">Where it is served.</param>
    /// <param name="readOnly">The guest may only read.</param>
    /// <param name="generation">Counts the media of a DVD drive.</param>
    public static QemuOption NbdNode(DriveConnection connection, bool readOnly, int generation = 0)
    {
        var option = new QemuOption("-blockdev", "nbd")
            .With("node-name", DeviceNames.Node(connection.DriveId, generation))
            .With("server.type", "unix").With("server.path", connection.SocketPath)
            .With("reconnect-delay", ReconnectSeconds)
            .With("read-only", readOnly);
        return readOnly ? option : option.With("discard", "unmap");
    }

    /// <summary>Connection to the vhost-user server of a disk; QEMU comes back to it every second.</summary>
    public static QemuOption DriveSocket(DriveConnection connection) => new QemuOption("-chardev", "socket")
        .With("id", DeviceNames.DriveSocket(connection.DriveId)).With("path", connection.SocketPath).With("reconnect", 1);

    /// <summary>Hard disk of the SCSI bus: a virtio disk, whose sectors come from the vhost-user server itself or through QEMU.</summary>
    public static QemuOption PciDisk(DriveConnection connection, int generation, DeviceSlots slots, AcceleratorKind accelerator, long? bootIndex) =>
        (connection.Transport == DriveTransport.VhostUserBlock ? VhostUserDisk(connection, generation, slots, accelerator) : NbdDisk(connection, generation, slots))
        .WithOptional("bootindex", bootIndex);

    /// <summary>
    /// What a disk behind NBD does when a request fails: the guest stops, and goes on with that very request when it is resumed. A storage
    /// plane that stays away for longer than <see cref="ReconnectSeconds"/> then costs the guest time and nothing else.
    /// </summary>
    public static QemuOption WithStops(QemuOption option) => option.With("werror", "stop").With("rerror", "stop");

    private static QemuOption NbdDisk(DriveConnection connection, int generation, DeviceSlots slots)
    {
        var device = DeviceNames.Drive(connection.DriveId);
        var option = new QemuOption("-device", "virtio-blk-pci").With("id", device).With("drive", DeviceNames.Node(connection.DriveId));
        slots.Place(generation, device, option).With("num-queues", connection.Queues)
            .With("logical_block_size", connection.LogicalSectorBytes).With("physical_block_size", connection.PhysicalSectorBytes);
        return WithStops(option);
    }

    private static QemuOption VhostUserDisk(DriveConnection connection, int generation, DeviceSlots slots, AcceleratorKind accelerator)
    {
        var device = DeviceNames.Drive(connection.DriveId);
        var option = new QemuOption("-device", "vhost-user-blk-pci").With("id", device).With("chardev", DeviceNames.DriveSocket(connection.DriveId));
        slots.Place(generation, device, option).With("num-queues", connection.Queues);
        if (accelerator == AcceleratorKind.Tcg && connection.PlatformAccess)
        {
            // The translator does not see another process write programs into memory. A guest that maps its transfers (Linux with
            // swiotlb=force) copies what it reads itself, which the translator does see; src/Vireo.Vhost/README.md has the details.
            option.With("iommu_platform", true).With("disable-legacy", true);
        }

        return WithoutMessageInterrupts(option, accelerator);
    }

    /// <summary>Network adapter and what is behind it.</summary>
    public static IEnumerable<QemuOption> Adapter(AdapterConnection connection, int generation, DeviceSlots slots, AcceleratorKind accelerator, long? bootIndex) =>
        connection.QemuSocketPath is { } own ? EmulatedAdapter(connection, own, generation, slots, bootIndex) : VirtioAdapter(connection, generation, slots, accelerator, bootIndex);

    private static IEnumerable<QemuOption> VirtioAdapter(AdapterConnection connection, int generation, DeviceSlots slots, AcceleratorKind accelerator, long? bootIndex)
    {
        var device = DeviceNames.Adapter(connection.AdapterId);
        var option = new QemuOption("-device", "virtio-net-pci").With("id", device);
        if (connection.SocketPath is { } path)
        {
            yield return new QemuOption("-chardev", "socket").With("id", DeviceNames.AdapterSocket(connection.AdapterId)).With("path", path).With("reconnect", 1);
            yield return new QemuOption("-netdev", "vhost-user", "type").With("id", DeviceNames.Net(connection.AdapterId))
                .With("chardev", DeviceNames.AdapterSocket(connection.AdapterId)).With("queues", connection.QueuePairs);
            option.With("netdev", DeviceNames.Net(connection.AdapterId));
        }

        slots.Place(generation, device, option).With("mac", FormatMac(connection.MacAddress));
        if (connection.QueuePairs > 1)
        {
            option.With("mq", true);
        }

        // The firmware of generation 2 has its own network stack; generation 1 boots from the network by legacy adapters only.
        yield return WithoutMessageInterrupts(option, accelerator).With("romfile", "").WithOptional("bootindex", bootIndex);
    }

    /// <summary>
    /// An Intel adapter (82540EM, 82574L), which every guest has a driver for. Its frames are datagrams: a switch plane that is gone loses some, and one that
    /// comes back at the same path gets the next.
    /// </summary>
    private static IEnumerable<QemuOption> EmulatedAdapter(AdapterConnection connection, string ownSocket, int generation, DeviceSlots slots, long? bootIndex)
    {
        var device = DeviceNames.Adapter(connection.AdapterId);
        var option = new QemuOption("-device", generation == 1 ? "e1000" : "e1000e").With("id", device);
        if (connection.SocketPath is { } path)
        {
            yield return new QemuOption("-netdev", "dgram", "type").With("id", DeviceNames.Net(connection.AdapterId))
                .With("local.type", "unix").With("local.path", ownSocket).With("remote.type", "unix").With("remote.path", path);
            option.With("netdev", DeviceNames.Net(connection.AdapterId));
        }

        slots.Place(generation, device, option).With("mac", FormatMac(connection.MacAddress));

        // Its read-only memory holds what boots from the network; whoever does not boot from it is spared the wait.
        yield return (bootIndex is null ? option.With("romfile", "") : option).WithOptional("bootindex", bootIndex);
    }

    /// <summary>52:54:00:12:34:56 from twelve digits.</summary>
    private static string FormatMac(string digits) => string.Join(':', digits.ToLowerInvariant().Chunk(2).Select(pair => new string(pair)));

    /// <summary>
    /// Without KVM, a vhost-user device whose interrupts are messages (MSI-X) brings QEMU 7.2 down: it wires them to the kernel's
    /// interrupt routing, which is not there. Line interrupts work.
    /// </summary>
    private static QemuOption WithoutMessageInterrupts(QemuOption option, AcceleratorKind accelerator) =>
        accelerator == AcceleratorKind.Tcg ? option.With("vectors", 0) : option;
}
