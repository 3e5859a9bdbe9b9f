using System.Globalization;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;
using Vireo.Platform;
using Vireo.Platform.Files;

namespace Vireo.Host.Mounts;

/// <summary>The disks of this computer, as <c>/sys/block</c> describes them; see <see cref="BlockDevices"/> for who uses them.</summary>
/// <param name="names">Folder of the names that stay a disk's own, which udev makes.</param>
internal sealed class HostDisks(string names = "/dev/disk/by-id") : IHostDisks
{
    private const int SectorBytes = 512;
    private const string OpticalType = "5";

    // From the surest to what depends on the cable; what is told of the content (lvm-pv-uuid) would follow it to another disk.
    private static readonly string[] s_order = ["wwn-", "nvme-eui.", "nvme-uuid.", "scsi-3", "dm-uuid-", "md-uuid-", "ata-", "nvme-", "virtio-", "scsi-", "usb-"];

    /// <inheritdoc/>
    public IReadOnlyList<HostDisk> All => [.. BlockDevices.Names().Select(name => Describe(name)).Where(static disk => disk.SizeBytes > 0).OrderBy(static disk => disk.Number ?? uint.MaxValue)];

    /// <inheritdoc/>
    public HostDisk? Find(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var device = RealPath.Of(path);
        return device.StartsWith("/dev/", StringComparison.Ordinal) && File.Exists(device) && BlockDevices.Names().FirstOrDefault(name => BlockDevices.DeviceOf(name) == device) is { } found
            ? Describe(found) : null;
    }

    /// <inheritdoc/>
    public string? UserOf(HostDisk disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        return BlockDevices.UserOf(disk.DevicePath);
    }

    /// <inheritdoc/>
    public string? Problem(HostDisk disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        if (Visible(disk) is { } visible)
        {
            return visible;
        }

        // What other mount namespaces and programs do with it can only be seen by asking for it.
        using var claimed = NativeFile.TryOpenUnused(disk.DevicePath, writable: false, out var error);
        return claimed is not null ? null
            : error == Errno.Busy ? "is in use by a program or in another mount namespace of this computer"
            : $"cannot be opened: {Errno.Describe(error)}";
    }

    /// <inheritdoc/>
    public string? Problem(DriveConfiguration drive)
    {
        ArgumentNullException.ThrowIfNull(drive);
        if (drive is not { PhysicalDisk: { } given, Path: { } path })
        {
            return null;
        }

        if (given.SizeBytes == 0)
        {
            return $"The physical disk '{path}' was that of the host where the virtual machine comes from; say which disk of this host it gets.";
        }

        if (Find(path) is not { SizeBytes: > 0 } disk)
        {
            return $"The physical disk '{path}' is not on this host.";
        }

        if (disk.SizeBytes != given.SizeBytes || disk.Identity != given.Identity)
        {
            return $"'{path}' is another disk than the one that was given to the virtual machine ({Describe(disk.Identity, disk.SizeBytes)} instead of {Describe(given.Identity, given.SizeBytes)}).";
        }

        return Visible(disk) is { } problem ? $"The physical disk '{path}' {problem}." : null;
    }

    private string? Visible(HostDisk disk) => disk.IsOptical ? "is a drive for discs; a guest gets a disc as an image (Set-VMDvdDrive)"
        : disk.SizeBytes == 0 ? "has no medium"
        : disk.IsReadOnly ? "cannot be written to"
        : UserOf(disk) is { } user ? $"is in use: {user}"
        : null;

    private static string Describe(string? identity, long sizeBytes) => $"'{identity ?? "no serial number"}' of {sizeBytes} bytes";

    private HostDisk Describe(string name)
    {
        var device = BlockDevices.DeviceOf(name);
        return new HostDisk(
            device,
            StableName(device) ?? device,
            BlockDevices.NumberOf(device),
            (long)Math.Min(Number(name, "size"), long.MaxValue / SectorBytes) * SectorBytes,
            (int)Number(name, "queue/logical_block_size"),
            (int)Number(name, "queue/physical_block_size"),
            Text(name, "device/model") ?? Text(name, "dm/name") ?? Text(name, "loop/backing_file"),
            Text(name, "wwid") ?? Text(name, "device/wwid") ?? Text(name, "dm/uuid") ?? Text(name, "md/uuid") ?? Text(name, "serial") ?? Text(name, "device/serial") ?? Text(name, "loop/backing_file"),
            Number(name, "ro") != 0,
            Text(name, "device/type") == OpticalType);
    }

    private string? StableName(string device) => !Directory.Exists(names) ? null : Directory.EnumerateFiles(names)
        .Select(link => (Link: link, Rank: Array.FindIndex(s_order, start => Path.GetFileName(link).StartsWith(start, StringComparison.Ordinal))))
        .Where(one => one.Rank >= 0 && RealPath.Of(one.Link) == device).OrderBy(static one => one.Rank).ThenBy(static one => one.Link, StringComparer.Ordinal)
        .Select(static one => one.Link).FirstOrDefault();

    private static string? Text(string name, string attribute) => BlockDevices.Read(name, attribute) is { Length: > 0 } text ? text : null;

    private static ulong Number(string name, string attribute) => ulong.TryParse(BlockDevices.Read(name, attribute), CultureInfo.InvariantCulture, out var number) ? number : 0;
}
