using System.Text;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Configuration;

namespace Vireo.Machines.Devices;

/// <summary>Says everything that keeps a machine from starting, before anything is started.</summary>
public static class MachineValidator
{
    /// <summary>Unix socket paths hold 107 bytes and a terminator (unix(7)); the longest name in a run folder has eight.</summary>
    private const int MaximumRunFolderBytes = 107 - 9;

    /// <summary>Places of an AHCI controller.</summary>
    private const int MaximumAhciDrives = 6;

    /// <summary>All problems, each a sentence; empty when the machine can be started.</summary>
    public static IReadOnlyList<string> Validate(VirtualMachineConfiguration configuration, MachineRuntimePlan plan)
    {
        List<string> problems = [];
        CheckMachine(configuration, plan, problems);
        CheckDrives(configuration, plan, problems);
        CheckAdapters(configuration, plan, problems);
        return problems;
    }

    private static void CheckMachine(VirtualMachineConfiguration configuration, MachineRuntimePlan plan, List<string> problems)
    {
        Require(problems, configuration.Generation is 1 or 2, $"Generation {configuration.Generation} does not exist; choose 1 or 2.");
        Require(problems, configuration.Processor.Count is >= 1 and <= 64, $"A virtual machine has 1 to 64 virtual processors, not {configuration.Processor.Count}.");
        var memory = configuration.Memory.StartupBytes;
        Require(
            problems,
            memory is >= 8L << 20 and <= 1L << 40 && memory % (2L << 20) == 0,
            $"The startup memory of {memory} bytes is not a multiple of 2 MB between 8 MB and 1 TB.");
        Require(problems, Fits(plan.Memory, configuration), "The layout of memory and processors does not fit the virtual machine; a saved state that says so is damaged.");
        Require(
            problems,
            Encoding.UTF8.GetByteCount(plan.RunFolder) <= MaximumRunFolderBytes,
            $"The run folder '{plan.RunFolder}' has a path of more than {MaximumRunFolderBytes} bytes; Unix sockets in it could not be reached.");
        Require(problems, File.Exists(plan.QemuPath), $"QEMU is missing ('{plan.QemuPath}'): install the package qemu-system-x86.");
        Require(
            problems,
            plan.Accelerator != AcceleratorKind.Tcg || !configuration.Processor.ExposeVirtualizationExtensions,
            "Virtualization extensions cannot be offered to the guest on a host without KVM.");
        if (configuration.Generation == 2)
        {
            Require(
                problems,
                plan.Firmware is { } firmware && File.Exists(firmware.CodePath) && (File.Exists(firmware.VariablesPath) || File.Exists(firmware.VariablesTemplatePath)),
                "The UEFI firmware of generation 2 machines is missing: install the package ovmf.");
            Require(
                problems,
                plan.Firmware is null || plan.Firmware.IsSecure == configuration.SecureBootEnabled,
                "The UEFI firmware with secure boot is missing: install the package ovmf, or switch secure boot off with 'Set-VMFirmware -EnableSecureBoot Off'.");
        }

        if (configuration.TpmEnabled)
        {
            Require(problems, configuration.Generation == 2, "A generation 1 machine has no trusted platform module; switch it off with 'Disable-VMTPM'.");
            Require(
                problems,
                plan.Tpm is { } tpm && File.Exists(tpm.ProgramPath),
                $"The trusted platform module needs swtpm ('{plan.Tpm?.ProgramPath ?? "/usr/bin/swtpm"}'): install the package swtpm, or switch the module off with 'Disable-VMTPM'.");
        }
    }

    private static void CheckDrives(VirtualMachineConfiguration configuration, MachineRuntimePlan plan, List<string> problems)
    {
        foreach (var clash in configuration.Drives.GroupBy(drive => (drive.Bus, drive.ControllerNumber, drive.ControllerLocation)).Where(group => group.Count() > 1))
        {
            problems.Add($"Two drives share the place {Describe(clash.First())}.");
        }

        foreach (var drive in configuration.Drives)
        {
            var place = Describe(drive);
            var connection = plan.Drives.FirstOrDefault(candidate => candidate.DriveId == drive.Id);
            if (drive.Bus == DriveBus.Ide)
            {
                Require(problems, configuration.Generation == 1, $"The drive at {place} cannot exist: generation 2 machines have no IDE controller.");
                Require(problems, drive is { ControllerNumber: 0 or 1, ControllerLocation: 0 or 1 }, $"The drive at {place} cannot exist: there are two IDE controllers with two places each.");
            }
            else
            {
                Require(problems, drive is { ControllerNumber: >= 0 and < 4, ControllerLocation: >= 0 and < 64 }, $"The drive at {place} cannot exist: there are four SCSI controllers with 64 places each.");
                Require(problems, drive.Kind == DriveKind.HardDisk || configuration.Generation == 2, $"The DVD drive at {place} cannot exist: DVD drives of generation 1 machines are IDE drives.");
            }

            if (connection is null)
            {
                Require(problems, drive.Kind == DriveKind.Dvd && drive.Path is null, $"The disk of the drive at {place} ('{drive.Path}') is not open.");
            }
            else
            {
                Require(problems, connection.Transport == DriveTransport.Nbd || IsPciDisk(configuration, drive), $"The disk of the drive at {place} is served as {connection.Transport}; it has to be {DriveTransport.Nbd}.");
                Require(problems, File.Exists(connection.SocketPath), $"The disk of the drive at {place} ('{drive.Path}') is not served: its socket '{connection.SocketPath}' is missing.");
            }
        }

        Require(
            problems,
            FloppyDrive.Of(configuration) is not { } floppy || plan.Drives.Any(candidate => candidate.DriveId == floppy.Id && File.Exists(candidate.SocketPath)),
            $"The floppy disk '{configuration.FloppyPath}' is not served.");
        Require(
            problems,
            configuration.Generation == 1 || configuration.Drives.Count(drive => drive.Kind == DriveKind.Dvd) <= MaximumAhciDrives,
            $"A generation 2 machine has at most {MaximumAhciDrives} DVD drives.");
        Require(
            problems,
            configuration.DeviceModel == DeviceModel.Synthetic || configuration.Drives.Count(drive => drive.Bus == DriveBus.Scsi) <= MaximumAhciDrives,
            $"A machine with emulated devices has at most {MaximumAhciDrives} drives on its SCSI controllers; give it synthetic ones when its guest has the drivers (Set-VM -DeviceModel Synthetic).");
    }

    private static void CheckAdapters(VirtualMachineConfiguration configuration, MachineRuntimePlan plan, List<string> problems)
    {
        foreach (var adapter in configuration.NetworkAdapters)
        {
            Require(problems, configuration.Generation == 1 || !adapter.IsLegacy, $"The legacy network adapter '{adapter.Name}' cannot exist: generation 2 machines have none.");
            var connection = plan.Adapters.FirstOrDefault(candidate => candidate.AdapterId == adapter.Id);
            if (connection is null)
            {
                problems.Add($"The network adapter '{adapter.Name}' has no port.");
                continue;
            }

            Require(
                problems,
                IsEmulated(configuration, adapter) == connection.QemuSocketPath is not null,
                $"The port of the network adapter '{adapter.Name}' is of the wrong kind: an adapter that is emulated exchanges datagrams, another one shares memory.");

            Require(
                problems,
                connection.MacAddress.Length == 12 && connection.MacAddress.All(char.IsAsciiHexDigit),
                $"The network adapter '{adapter.Name}' has the MAC address '{connection.MacAddress}'; it takes twelve hexadecimal digits.");
            Require(
                problems,
                connection.SocketPath is null || File.Exists(connection.SocketPath),
                $"The port of the network adapter '{adapter.Name}' is not served: its socket '{connection.SocketPath}' is missing.");
        }
    }

    /// <summary>A layout may come from the file of a saved state: nothing in it is believed.</summary>
    private static bool Fits(MemoryLayout layout, VirtualMachineConfiguration configuration)
    {
        var processors = configuration.Processor.Count;
        return layout is { Sockets: > 0, ThreadsPerCore: > 0, GrowthBytes: >= 0 and <= 1L << 40, Nodes.Count: <= 64 }
            && layout.GrowthBytes % MemoryLayout.StepBytes == 0
            && layout.Sockets <= processors && layout.ThreadsPerCore <= processors
            && processors % (layout.Sockets * layout.ThreadsPerCore) == 0
            && layout.Nodes.All(node => node is { Bytes: > 0 and <= 1L << 40, Processors: > 0 and <= 64 } && node.Bytes % MemoryLayout.StepBytes == 0)
            && (layout.Nodes.Count == 0
                || (layout.Nodes.Sum(node => node.Bytes) == configuration.Memory.StartupBytes && layout.Nodes.Sum(node => node.Processors) == processors));
    }

    /// <summary>Whether a drive is a device of its own on the PCI bus, which comes and goes while the machine runs and may be served by either transport.</summary>
    public static bool IsPciDisk(VirtualMachineConfiguration machine, DriveConfiguration drive)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(drive);
        return machine.DeviceModel == DeviceModel.Synthetic && drive is { Bus: DriveBus.Scsi, Kind: DriveKind.HardDisk };
    }

    /// <summary>Whether QEMU emulates an adapter, so that the guest needs no driver of ours.</summary>
    public static bool IsEmulated(VirtualMachineConfiguration machine, NetworkAdapterConfiguration adapter)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(adapter);
        return adapter.IsLegacy || machine.DeviceModel == DeviceModel.Emulated;
    }

    private static string Describe(DriveConfiguration drive) => $"{(drive.Bus == DriveBus.Ide ? "IDE" : "SCSI")} {drive.ControllerNumber}:{drive.ControllerLocation}";

    private static void Require(List<string> problems, bool condition, string problem)
    {
        if (!condition)
        {
            problems.Add(problem);
        }
    }
}
