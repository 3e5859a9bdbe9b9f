using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Mobility;

/// <summary>The files of a machine that are no images, by where its configuration says that they are. Not each of them need exist.</summary>
internal static class MachineFiles
{
    /// <summary>Its configuration.</summary>
    public static string Configuration(VirtualMachineConfiguration machine) => MachineStore.ConfigurationFile(machine);

    /// <summary>What the guest's devices keep: variables of the firmware with and without secure boot, the trusted platform module. A running machine has them open.</summary>
    public static IReadOnlyList<string> Devices(VirtualMachineConfiguration machine) =>
    [
        MachineStore.FirmwareFile(machine with { SecureBootEnabled = false }), MachineStore.FirmwareFile(machine with { SecureBootEnabled = true }), MachineStore.TpmFile(machine),
    ];

    /// <summary>Its saved memory.</summary>
    public static IReadOnlyList<string> Memory(VirtualMachineConfiguration machine) => [MachineStore.SavedStateFile(machine)];

    /// <summary>What its checkpoints keep beside their images.</summary>
    public static IReadOnlyList<string> Checkpoints(VirtualMachineConfiguration machine) =>
    [
        .. machine.Checkpoints.All.SelectMany(one => new[] { CheckpointFiles.State(machine, one.Id), CheckpointFiles.Firmware(machine, one.Id), CheckpointFiles.Tpm(machine, one.Id) }),
    ];

    /// <summary>All of them.</summary>
    public static IEnumerable<string> All(VirtualMachineConfiguration machine) => [Configuration(machine), .. Devices(machine), .. Memory(machine), .. Checkpoints(machine)];
}
