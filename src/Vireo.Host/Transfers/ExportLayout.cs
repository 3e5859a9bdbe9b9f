using Vireo.Control.Storage;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>
/// What an export consists of: the configuration as it is written there, and the files that are copied. Below the export's folder lie
/// <c>Virtual Machines</c>, <c>Virtual Hard Disks</c> and <c>Snapshots</c>; the paths in the configuration are those of its final place.
/// </summary>
/// <param name="Machine">The configuration.</param>
/// <param name="Files">Files, with paths below the folder in which the export is made.</param>
internal sealed record ExportLayout(VirtualMachineConfiguration Machine, IReadOnlyList<FileToCopy> Files)
{
    /// <summary>Folder of disks below that of a machine.</summary>
    public const string DiskFolder = "Virtual Hard Disks";

    /// <summary>Plans an export.</summary>
    /// <param name="source">The machine.</param>
    /// <param name="making">Folder in which the export is made.</param>
    /// <param name="final">Folder that it becomes.</param>
    /// <param name="storage">The storage plane.</param>
    /// <param name="switchName">Name of a switch, or null.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<ExportLayout> PlanAsync(
        ExportSource source, string making, string final, IStorageControl storage, Func<Guid, string?> switchName, CancellationToken cancellation)
    {
        var names = new NameGiver();
        var targets = new Dictionary<string, string>(StringComparer.Ordinal);
        var files = new List<FileToCopy>();
        foreach (var image in source.IsFlat ? await WholeAsync(source.Machine, storage, cancellation) : await ImageChains.CollectAsync(storage, MachinePaths.Disks(source.Machine), cancellation))
        {
            var name = source.IsFlat ? Plain(image.Path) : image.Path;
            var target = targets[image.Path] = names.Give(Path.Combine(final, DiskFolder), name);
            var parent = image.ParentPath is { } path ? Rebase(targets[path], final, making) : null;
            files.Add(new(image.Path, Rebase(target, final, making), source.IsFlat ? CopyManner.WholeDisk : CopyManner.Image, parent, image.FileBytes));
        }

        var machine = MachinePaths.Place(source.Machine, final, final, final);
        machine = MachinePaths.Map(machine, (kind, path) => kind == DriveKind.HardDisk ? targets.GetValueOrDefault(path, path) : path);
        machine = machine with
        {
            // Images that wait for being cleaned up and are part of no chain are not in the copy.
            Checkpoints = machine.Checkpoints with { Disks = [.. machine.Checkpoints.Disks.Where(disk => targets.ContainsValue(disk.Path)).Select(disk => disk with { IsMerging = false })] },
            NetworkAdapters = Named(machine.NetworkAdapters, switchName),
        };
        var copy = machine with { Path = making, SnapshotFileLocation = making };
        AddState(source.StateFile, MachineStore.SavedStateFile(copy));
        AddState(source.FirmwareFile, MachineStore.FirmwareFile(copy));
        AddState(source.TpmFile, MachineStore.TpmFile(copy));
        foreach (var checkpoint in source.Machine.Checkpoints.All)
        {
            AddState(checkpoint.HasState ? CheckpointFiles.State(source.Machine, checkpoint.Id) : null, CheckpointFiles.State(copy, checkpoint.Id));
            AddState(CheckpointFiles.Firmware(source.Machine, checkpoint.Id), CheckpointFiles.Firmware(copy, checkpoint.Id));
            AddState(CheckpointFiles.Tpm(source.Machine, checkpoint.Id), CheckpointFiles.Tpm(copy, checkpoint.Id));
        }

        return new(machine, files);

        void AddState(string? file, string target)
        {
            if (file is not null && File.Exists(file))
            {
                files.Add(new(file, target, CopyManner.State, null, new FileInfo(file).Length));
            }
        }
    }

    private static async Task<IReadOnlyList<ChainImage>> WholeAsync(VirtualMachineConfiguration machine, IStorageControl storage, CancellationToken cancellation)
    {
        var images = new List<ChainImage>();
        foreach (var path in MachinePaths.Disks(machine))
        {
            var chain = await ImageChains.CollectAsync(storage, [path], cancellation);
            images.Add(new(path, null, chain.Sum(image => image.FileBytes)));
        }

        return images;
    }

    private static IReadOnlyList<NetworkAdapterConfiguration> Named(IReadOnlyList<NetworkAdapterConfiguration> adapters, Func<Guid, string?> switchName) =>
        [.. adapters.Select(adapter => adapter.SwitchId is { } id ? adapter with { SwitchName = switchName(id) } : adapter)];

    private static string Rebase(string path, string from, string to) => Path.Combine(to, Path.GetRelativePath(from, path));

    // What a checkpoint's image is called after is the disk it stands on.
    private static string Plain(string path) => CheckpointFiles.BaseImage(path);
}
