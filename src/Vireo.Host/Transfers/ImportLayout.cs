using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>What a plan becomes: the machine as it will be registered, and the files that are copied for it.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Files">Files to copy, parents before children; none when the machine uses those that are there.</param>
internal sealed record ImportLayout(VirtualMachineConfiguration Machine, IReadOnlyList<FileToCopy> Files)
{
    /// <summary>The layout of a plan, as far as its images can be found.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="images">Its images, parents first; without those that are missing.</param>
    /// <param name="diskFolder">Where disks go that are copied.</param>
    /// <param name="ofOthers">Images of other machines of the host, without links.</param>
    public static ImportLayout Of(PlannedImport plan, IReadOnlyList<ChainImage> images, string diskFolder, IReadOnlySet<string> ofOthers)
    {
        var machine = plan.Machine with
        {
            Id = plan.FinalId,

            // What a pipe of Windows was cannot be one here.
            ComPorts = [.. plan.Machine.ComPorts.Select(port => port is not null && port.StartsWith('/') ? port : null)],
            NetworkAdapters = [.. plan.Machine.NetworkAdapters.Select(adapter => adapter with { SwitchName = null })],
        };
        var disks = CheckpointImages.Of(machine, images, plan.Request.Copy ? null : CheckpointImages.OwnedBy(plan.SourceFolder, ofOthers));
        machine = machine with { Checkpoints = machine.Checkpoints with { Disks = disks, Work = null, Removed = [], FirmwareOf = null } };
        var files = new List<FileToCopy>();
        if (plan.Request.Copy)
        {
            var names = new NameGiver();
            var targets = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var image in images)
            {
                targets[image.Path] = names.Give(diskFolder, image.Path);
                files.Add(new(image.Path, targets[image.Path], CopyManner.Image, image.ParentPath is { } parent ? targets.GetValueOrDefault(parent) : null, image.FileBytes));
            }

            machine = MachinePaths.Map(machine, (kind, path) => kind == DriveKind.HardDisk ? targets.GetValueOrDefault(path, path) : path);
        }

        machine = machine with { Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one with { Machine = one.Machine with { Id = machine.Id } })] } };
        if (!plan.IsForeign)
        {
            AddStates(plan, machine, files);
        }

        return new(machine, files);
    }

    private static void AddStates(PlannedImport plan, VirtualMachineConfiguration machine, List<FileToCopy> files)
    {
        var beside = Path.GetDirectoryName(plan.Request.Path)!;
        if (machine.HasSavedState)
        {
            Add(Beside(MachineStore.SavedStateFile(machine with { Id = plan.SourceId })), MachineStore.SavedStateFile(machine));
        }

        // Each under its own name: the plan may switch secure boot, and then begins with variables that no guest has written.
        foreach (var isSecure in new[] { false, true })
        {
            Add(Beside(MachineStore.FirmwareFile(machine with { Id = plan.SourceId, SecureBootEnabled = isSecure })), MachineStore.FirmwareFile(machine with { SecureBootEnabled = isSecure }));
        }

        if (machine.TpmEnabled)
        {
            Add(Beside(MachineStore.TpmFile(machine with { Id = plan.SourceId })), MachineStore.TpmFile(machine));
        }

        var source = machine with { SnapshotFileLocation = plan.SourceSnapshots };
        foreach (var checkpoint in machine.Checkpoints.All)
        {
            var old = plan.Identities.FirstOrDefault(pair => pair.Value == checkpoint.Id).Key;
            old = old == Guid.Empty ? checkpoint.Id : old;
            if (checkpoint.HasState)
            {
                Add(CheckpointFiles.State(source, old), CheckpointFiles.State(machine, checkpoint.Id));
            }

            Add(CheckpointFiles.Firmware(source, old), CheckpointFiles.Firmware(machine, checkpoint.Id));
            Add(CheckpointFiles.Tpm(source, old), CheckpointFiles.Tpm(machine, checkpoint.Id));
        }

        string Beside(string file) => Path.Combine(beside, Path.GetFileName(file));

        void Add(string from, string to)
        {
            if (File.Exists(from) && from != to)
            {
                files.Add(new(from, to, CopyManner.State, null, new FileInfo(from).Length));
            }
        }
    }
}
