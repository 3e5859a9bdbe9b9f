namespace Vireo.Machines.Configuration;

/// <summary>The floppy disk drive of a generation 1 machine. There is one, and it has no place on a bus; its id follows from the machine's.</summary>
public static class FloppyDrive
{
    private const byte Mark = 0xF1;

    /// <summary>Identity of a machine's drive.</summary>
    public static Guid IdOf(Guid machine)
    {
        var bytes = machine.ToByteArray();
        bytes[^1] ^= Mark;
        return new Guid(bytes);
    }

    /// <summary>The drive as others are described; null when it is empty or does not exist.</summary>
    public static DriveConfiguration? Of(VirtualMachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return machine is { Generation: 1, FloppyPath: { } path }
            ? new() { Id = IdOf(machine.Id), Kind = DriveKind.HardDisk, Bus = DriveBus.Ide, ControllerNumber = 0, ControllerLocation = 0, Path = path }
            : null;
    }
}
