using Vireo.Machines.Configuration;

namespace Vireo.Machines.Devices;

/// <summary>Translates the firmware's order into QEMU's boot indexes, 1 first.</summary>
internal static class BootOrder
{
    /// <summary>Index of each device that takes part in booting, by its id.</summary>
    public static IReadOnlyDictionary<Guid, int> Plan(VirtualMachineConfiguration configuration)
    {
        var order = configuration.Generation == 1 ? PlanBios(configuration) : PlanFirmware(configuration);
        return order.Distinct().Select((id, index) => (id, index)).ToDictionary(item => item.id, item => item.index + 1);
    }

    /// <summary>Generation 1 tries kinds; only IDE disks and DVDs and emulated adapters are bootable, by place within a kind.</summary>
    private static IEnumerable<Guid> PlanBios(VirtualMachineConfiguration configuration)
    {
        var ide = configuration.Drives.Where(drive => drive.Bus == DriveBus.Ide)
            .OrderBy(drive => drive.ControllerNumber).ThenBy(drive => drive.ControllerLocation).ToArray();
        foreach (var kind in configuration.BiosStartupOrder)
        {
            var ids = kind switch
            {
                "CD" => ide.Where(drive => drive.Kind == DriveKind.Dvd).Select(drive => drive.Id),
                "IDE" => ide.Where(drive => drive.Kind == DriveKind.HardDisk).Select(drive => drive.Id),
                "LegacyNetworkAdapter" => configuration.NetworkAdapters.Where(adapter => adapter.IsLegacy).Select(adapter => adapter.Id),
                "Floppy" when FloppyDrive.Of(configuration) is { } floppy => [floppy.Id],
                _ => [],
            };
            foreach (var id in ids)
            {
                yield return id;
            }
        }
    }

    /// <summary>Generation 2 tries devices; one that the list does not name comes after those it names, disks before adapters.</summary>
    private static IEnumerable<Guid> PlanFirmware(VirtualMachineConfiguration configuration)
    {
        var drives = configuration.Drives.OrderBy(drive => drive.ControllerNumber).ThenBy(drive => drive.ControllerLocation).Select(drive => drive.Id);
        var all = drives.Concat(configuration.NetworkAdapters.Select(adapter => adapter.Id)).ToArray();
        return configuration.FirmwareBootOrder.Where(all.Contains).Concat(all);
    }
}
