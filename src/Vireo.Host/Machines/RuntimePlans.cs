using Vireo.Commands.Framework;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Platform.Memory;

namespace Vireo.Host.Machines;

/// <summary>What machines of this host need to run here and now.</summary>
internal static class RuntimePlans
{
    /// <summary>The plan of one that has its disks and ports.</summary>
    public static MachineRuntimePlan Of(
        VirtualMachineConfiguration machine, IReadOnlyList<DriveConnection> drives, IReadOnlyList<AdapterConnection> adapters, UnitServices services) => new()
        {
            Accelerator = services.Accelerator,
            RunFolder = services.Paths.MachineRun(machine.Id),
            Drives = drives,
            Adapters = adapters,
            Memory = MemoryLayouts.Plan(machine, NumaTopology.Read(), services.MaySpanNodes()),
            Firmware = machine.Generation == 2 ? FirmwareFiles.Find(MachineStore.FirmwareFile(machine), machine.SecureBootEnabled) : null,
            Tpm = machine.TpmEnabled ? new TpmFiles(MachineStore.TpmFile(machine)) { Key = KeyOf(machine, services) } : null,
            User = services.User,
        };

    private static byte[]? KeyOf(VirtualMachineConfiguration machine, UnitServices services) => machine.KeyProtector is not { } protector ? null
        : services.Guardian.Open(protector) ?? throw new CommandException(
            "Unspecified", ErrorCategory.NotSpecified,
            $"The virtual machine '{machine.Name}' cannot start: its key protector was made by another host, whose guardian key this host does not have, so that its trusted platform module cannot be read. Take the guardian key over from that host, or use Disable-VMTPM.", machine.Name);
}
