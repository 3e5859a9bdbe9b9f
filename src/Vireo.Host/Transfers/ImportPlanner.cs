using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>Makes a plan of a configuration file: reads it, finds its files, and says what the machine is to be here.</summary>
/// <param name="storage">The storage plane.</param>
/// <param name="settings">Settings of the host.</param>
/// <param name="switches">Switches of the host.</param>
/// <param name="isTaken">Whether a machine or plan has an id.</param>
/// <param name="partsOfOthers">Ids of drives, adapters and checkpoints of every machine of the host but the given one.</param>
/// <param name="time">Clock.</param>
internal sealed class ImportPlanner(IStorageControl storage, IHostSettings settings, Func<IReadOnlyList<SwitchConfiguration>> switches, Func<Guid, bool> isTaken, Func<Guid, IReadOnlySet<Guid>> partsOfOthers, TimeProvider time)
{
    /// <summary>The plan; null with the reason when the configuration cannot be read.</summary>
    public async Task<(PlannedImport? Plan, IReadOnlyList<Incompatibility> Problems)> PlanAsync(ImportRequest request, CancellationToken cancellation)
    {
        var read = ConfigurationReader.Read(request.Path);
        if (read.Machine is not { } machine)
        {
            return (null, read.Notes);
        }

        // A configuration lies in "Virtual Machines" of its machine's folder, or was put somewhere by hand.
        var configurationFolder = Path.GetDirectoryName(request.Path)!;
        var folder = string.Equals(Path.GetFileName(configurationFolder), MachineStore.ConfigurationFolder, StringComparison.OrdinalIgnoreCase)
            ? Path.GetDirectoryName(configurationFolder)! : configurationFolder;
        var locator = new DiskLocator(folder, machine.Path, request.VhdSourcePath, settings.Current.ParentFolders ?? []);
        var sourceSnapshots = read.IsForeign ? folder : locator.Rebase(machine.SnapshotFileLocation);
        var notes = read.Notes.ToList();
        machine = MachinePaths.Map(machine, (_, path) => locator.Locate(path));
        if (read.Foreign is { } foreign)
        {
            var folders = new[] { Path.Combine(folder, ConfigurationSearch.CheckpointFolder), Path.Combine(configurationFolder, ConfigurationSearch.CheckpointFolder), configurationFolder };
            var (tree, lost) = await ForeignCheckpoints.ReadAsync(machine, foreign.CheckpointCount, folders, locator.Locate, path => ParentAsync(path, cancellation), cancellation);
            machine = machine with { Checkpoints = tree };
            notes.AddRange(lost);
        }

        var sourceId = machine.Id;
        machine = Settled(machine);
        IReadOnlyDictionary<Guid, Guid> identities = new Dictionary<Guid, Guid>();
        if (request.GenerateNewId)
        {
            (machine, identities) = NewIdentity.Give(machine);
        }
        else
        {
            // Copies that Hyper-V made keep the ids of their devices; here a drive's and an adapter's are keys.
            var parts = partsOfOthers(machine.Id);
            (machine, identities) = NewIdentity.Give(machine, parts.Contains);
        }

        var finalId = machine.Id;
        machine = isTaken(finalId) ? machine with { Id = Guid.NewGuid() } : machine;
        return (new PlannedImport
        {
            Request = request,
            Machine = AdapterSwitches.Connect(Placed(machine, request, folder, sourceSnapshots), switches()),
            FinalId = finalId,
            SourceId = sourceId,
            SourceFolder = folder,
            SourceSnapshots = sourceSnapshots,
            IsForeign = read.IsForeign,
            Notes = [.. notes.Select(note => identities.TryGetValue(note.ObjectId, out var id) ? note with { ObjectId = id } : note)],
            Identities = identities,
            Made = time.GetUtcNow(),
        }, []);
    }

    private async Task<string?> ParentAsync(string path, CancellationToken cancellation)
    {
        try
        {
            return File.Exists(path) ? (await storage.InspectImageAsync(path, cancellation)).ParentPath is { } parent ? Path.GetFullPath(parent) : null : null;
        }
        catch (ControlException unreadable) when (unreadable is not PlaneUnreachableException)
        {
            // What is wrong with the image is found when the plan is checked.
            return null;
        }
    }

    // What a host that died was about to do to the source's disks. A merge may have ended; what else was under way is not gone on with, because it would be
    // done to whatever files the configuration names: images that were not yet part of the machine stay where they are.
    private static VirtualMachineConfiguration Settled(VirtualMachineConfiguration machine)
    {
        foreach (var disk in machine.Checkpoints.Disks.Where(disk => disk.IsMerging && !File.Exists(disk.Path)).ToList())
        {
            machine = CheckpointTree.Merged(machine, disk);
        }

        // A checkpoint that was made for an export is none, and one that is not there is nothing to stand on.
        var exports = machine.Checkpoints.All.Where(one => one.IsForExport).Select(one => one.Id).ToHashSet();
        machine = exports.Count > 0 ? PlannedMachines.WithoutCheckpoints(machine, exports) : machine;
        var isKnown = machine.Checkpoints.All.Any(one => one.Id == machine.Checkpoints.CurrentId);
        machine = isKnown ? machine : machine with { Checkpoints = machine.Checkpoints with { CurrentId = null } };
        machine = machine with { Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one with { Machine = Alone(one.Machine) })] } };

        // A user of the same name here is somebody else, and so is a physical disk: whoever imports says which of this host's the machine gets.
        machine = machine with
        {
            ConsoleUsers = [],
            Drives = [.. machine.Drives.Select(static drive => drive.PhysicalDisk is null ? drive : drive with { PhysicalDisk = new() })],
        };
        return machine with { Checkpoints = machine.Checkpoints with { Work = null, Removed = [], FirmwareOf = null, Disks = [.. machine.Checkpoints.Disks.Select(disk => disk with { IsMerging = false })] } };
    }

    private static VirtualMachineConfiguration Alone(VirtualMachineConfiguration then) =>
        then with { Checkpoints = new(), ConsoleUsers = [], Drives = [.. then.Drives.Where(static drive => drive.PhysicalDisk is null)] };

    private VirtualMachineConfiguration Placed(VirtualMachineConfiguration machine, ImportRequest request, string folder, string snapshots)
    {
        if (!request.Copy)
        {
            return MachinePaths.Place(machine, folder, snapshots, folder);
        }

        var target = request.VirtualMachinePath ?? Path.Combine(settings.Current.VirtualMachinePath, DiskPaths.SafeName(machine.Name));
        return MachinePaths.Place(machine, target, request.SnapshotFilePath ?? target, request.SmartPagingFilePath ?? target);
    }
}
