using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>A machine as it is to be exported: files that nobody writes to while it is.</summary>
/// <param name="Machine">The machine at the moment that counts.</param>
/// <param name="StateFile">Its memory; null is none.</param>
/// <param name="FirmwareFile">Variables of its firmware; null is none.</param>
/// <param name="TpmFile">What its trusted platform module keeps; null is none.</param>
/// <param name="IsFlat">Without checkpoints, each disk whole in one image.</param>
internal sealed record ExportSource(VirtualMachineConfiguration Machine, string? StateFile, string? FirmwareFile, string? TpmFile, bool IsFlat)
{
    /// <summary>A machine without a process, as it is.</summary>
    public static ExportSource OfIdle(VirtualMachineConfiguration machine) => new(
        Clean(machine), machine.HasSavedState ? MachineStore.SavedStateFile(machine) : null, Existing(MachineStore.FirmwareFile(machine)),
        machine.TpmEnabled ? Existing(MachineStore.TpmFile(machine)) : null, IsFlat: false);

    /// <summary>A machine that runs, as it was when a checkpoint was taken for this.</summary>
    public static ExportSource OfCheckpoint(VirtualMachineConfiguration before, CheckpointConfiguration taken) => new(
        Clean(before) with { HasSavedState = taken.HasState },
        taken.HasState ? CheckpointFiles.State(before, taken.Id) : null, Existing(CheckpointFiles.Firmware(before, taken.Id)),
        Existing(CheckpointFiles.Tpm(before, taken.Id)), IsFlat: false);

    /// <summary>A machine as it was at one of its checkpoints.</summary>
    public static ExportSource OfKept(VirtualMachineConfiguration machine, CheckpointConfiguration checkpoint) => new(
        checkpoint.Machine with { Name = machine.Name, HasSavedState = checkpoint.HasState, Checkpoints = new() },
        checkpoint.HasState ? CheckpointFiles.State(machine, checkpoint.Id) : null, Existing(CheckpointFiles.Firmware(machine, checkpoint.Id)),
        Existing(CheckpointFiles.Tpm(machine, checkpoint.Id)), IsFlat: true);

    private static VirtualMachineConfiguration Clean(VirtualMachineConfiguration machine) => machine with
    {
        Checkpoints = machine.Checkpoints with { Work = null, Removed = [] },
    };

    private static string? Existing(string file) => File.Exists(file) ? file : null;
}
