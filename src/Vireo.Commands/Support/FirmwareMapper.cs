using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;

namespace Vireo.Commands.Support;

/// <summary>Firmware and BIOS as objects of the model.</summary>
public static class FirmwareMapper
{
    /// <summary>BIOS of a generation 1 machine.</summary>
    public static VMBios Bios(VirtualMachineConfiguration c, string host)
    {
        var part = ModelMapper.Part<VMBios>(c, null, "BIOS", host);
        part.StartupOrder = [.. c.BiosStartupOrder.Select(kind => Enum.Parse<BootDevice>(kind))];
        part.NumLockEnabled = c.NumLockEnabled;
        return part;
    }

    /// <summary>Firmware of a generation 2 machine.</summary>
    public static VMFirmware Firmware(VirtualMachineConfiguration c, MachineStatus status, CommandContext context)
    {
        var part = ModelMapper.Part<VMFirmware>(c, null, "Firmware", context.Service<IHostSettings>().Facts.Name);
        part.SecureBoot = c.SecureBootEnabled ? OnOffState.On : OnOffState.Off;
        part.SecureBootTemplate = c.SecureBootTemplate;
        part.SecureBootTemplateId = SecureBootTemplates.IdOf(c.SecureBootTemplate) ?? Guid.Empty;
        part.ConsoleMode = Enum.Parse<ConsoleModeType>(c.ConsoleMode);
        part.PreferredNetworkBootProtocol = Enum.Parse<IPProtocolPreference>(c.PreferredNetworkBootProtocol);
        part.PauseAfterBootFailure = c.PauseAfterBootFailure ? OnOffState.On : OnOffState.Off;
        part.BootOrder = [.. BootDevices(c).Select(id => Source(c, id, status, context))];
        return part;
    }

    /// <summary>Devices in the order they are tried: those the order names, then those it forgot.</summary>
    public static IEnumerable<Guid> BootDevices(VirtualMachineConfiguration c)
    {
        var existing = c.Drives.Select(drive => drive.Id).Concat(c.NetworkAdapters.Select(adapter => adapter.Id)).ToList();
        return c.FirmwareBootOrder.Where(existing.Contains).Concat(existing.Except(c.FirmwareBootOrder));
    }

    private static VMBootSource Source(VirtualMachineConfiguration c, Guid id, MachineStatus status, CommandContext context)
    {
        var host = context.Service<IHostSettings>().Facts.Name;
        if (c.Drives.FirstOrDefault(drive => drive.Id == id) is { } drive)
        {
            var source = ModelMapper.Part<VMBootSource>(c, id, drive.Kind == DriveKind.Dvd ? "EFI DVD Device" : "EFI SCSI Device", host);
            source.BootType = VMBootSourceType.Drive;
            source.Description = source.Name;
            source.HardDrive = drive.Kind == DriveKind.HardDisk ? ModelMapper.HardDisk(c, drive, host) : null;
            source.DvdDrive = drive.Kind == DriveKind.Dvd ? ModelMapper.Dvd(c, drive, host) : null;
            return source;
        }

        var network = ModelMapper.Part<VMBootSource>(c, id, "EFI Network", host);
        network.BootType = VMBootSourceType.Network;
        network.Description = network.Name;
        network.NetworkAdapter = ModelMapper.Adapter(c, c.NetworkAdapters.First(adapter => adapter.Id == id), status, context);
        return network;
    }
}
