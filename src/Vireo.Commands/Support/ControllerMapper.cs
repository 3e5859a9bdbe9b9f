using Microsoft.HyperV.PowerShell;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Support;

/// <summary>Makes controllers of drives out of a machine's configuration. They have no settings of their own: a number and what hangs on it.</summary>
internal static class ControllerMapper
{
    /// <summary>A SCSI controller.</summary>
    public static VMScsiController Scsi(VirtualMachineConfiguration machine, int number, string host) =>
        Fill(ModelMapper.Part<VMScsiController>(machine, Id(machine, DriveBus.Scsi, number), "SCSI Controller", host), machine, DriveBus.Scsi, number, host);

    /// <summary>An IDE controller.</summary>
    public static VMIdeController Ide(VirtualMachineConfiguration machine, int number, string host) =>
        Fill(ModelMapper.Part<VMIdeController>(machine, Id(machine, DriveBus.Ide, number), $"IDE Controller {number}", host), machine, DriveBus.Ide, number, host);

    private static T Fill<T>(T part, VirtualMachineConfiguration machine, DriveBus bus, int number, string host)
        where T : VMDriveController
    {
        part.ControllerNumber = number;
        part.ControllerType = bus == DriveBus.Scsi ? ControllerType.SCSI : ControllerType.IDE;
        part.Drives =
        [
            .. machine.Drives.Where(drive => drive.Bus == bus && drive.ControllerNumber == number).OrderBy(drive => drive.ControllerLocation)
                .Select(drive => drive.Kind == DriveKind.Dvd ? (Drive)ModelMapper.Dvd(machine, drive, host) : ModelMapper.HardDisk(machine, drive, host)),
        ];
        return part;
    }

    // The same controller has the same id whenever it is asked for; nothing else needs to be kept of it.
    private static Guid Id(VirtualMachineConfiguration machine, DriveBus bus, int number)
    {
        Span<byte> bytes = stackalloc byte[16];
        machine.Id.TryWriteBytes(bytes);
        bytes[14] ^= (byte)(bus + 1);
        bytes[15] ^= (byte)(number + 1);
        return new Guid(bytes);
    }
}
