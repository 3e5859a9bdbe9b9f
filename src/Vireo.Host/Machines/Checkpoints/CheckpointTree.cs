using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines.Checkpoints;

/// <summary>
/// What taking, applying and removing checkpoints make of a machine's configuration. Pure; the files are somebody else's work. The
/// machine's own disks and those of every checkpoint are needed; the other images that checkpoints made are cleaned up one
/// <see cref="CleanupStep"/> at a time, in any order and as often as it takes.
/// </summary>
internal static class CheckpointTree
{
    /// <summary>A checkpoint of the machine, or null.</summary>
    public static CheckpointConfiguration? Find(VirtualMachineConfiguration machine, Guid id) => machine.Checkpoints.All.FirstOrDefault(one => one.Id == id);

    /// <summary>Writes down what is about to be made.</summary>
    public static VirtualMachineConfiguration Intend(VirtualMachineConfiguration machine, CheckpointWork? work) =>
        machine with { Checkpoints = machine.Checkpoints with { Work = work } };

    /// <summary>The machine goes on in the images that were made, and stands on a new checkpoint.</summary>
    public static VirtualMachineConfiguration Taken(VirtualMachineConfiguration machine, CheckpointConfiguration checkpoint)
    {
        var work = machine.Checkpoints.Work ?? throw new InvalidOperationException("No checkpoint is being taken.");
        return Adopt(machine, work.Disks) with
        {
            Checkpoints = machine.Checkpoints with
            {
                All = [.. machine.Checkpoints.All, checkpoint],
                CurrentId = checkpoint.Id,
                Disks = Append(machine.Checkpoints.Disks, work.Disks),
                Work = null,
            },
        };
    }

    /// <summary>The machine is what it was at the checkpoint, in images of its own on top of the checkpoint's.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="switchExists">Adapters on a switch that was removed since then are connected to nothing.</param>
    public static VirtualMachineConfiguration Applied(VirtualMachineConfiguration machine, CheckpointConfiguration checkpoint, Func<Guid, bool> switchExists)
    {
        var work = machine.Checkpoints.Work ?? throw new InvalidOperationException("No checkpoint is being applied.");
        return Adopt(checkpoint.Machine, work.Disks) with
        {
            // Where the machine lies, what it is called, whether it is billed and who may see it is not part of what it was.
            Name = machine.Name,
            Path = machine.Path,
            SnapshotFileLocation = machine.SnapshotFileLocation,
            SmartPagingFilePath = machine.SmartPagingFilePath,
            FirmwarePath = machine.FirmwarePath,
            LastMove = machine.LastMove,
            ResourceMeteringEnabled = machine.ResourceMeteringEnabled,
            ConsoleUsers = machine.ConsoleUsers,
            KeyProtector = machine.KeyProtector,
            HasSavedState = checkpoint.HasState,
            NetworkAdapters = [.. checkpoint.Machine.NetworkAdapters.Select(adapter => adapter.SwitchId is { } id && !switchExists(id) ? adapter with { SwitchId = null } : adapter)],
            Checkpoints = machine.Checkpoints with
            {
                CurrentId = checkpoint.Id,
                Disks = Append(machine.Checkpoints.Disks, work.Disks),
                Work = null,
                FirmwareOf = checkpoint.Machine.Generation == 2 ? checkpoint.Id : null,
            },
        };
    }

    /// <summary>Checkpoints are forgotten; what stood on them stands on what they stood on.</summary>
    public static VirtualMachineConfiguration Removed(VirtualMachineConfiguration machine, IReadOnlySet<Guid> ids)
    {
        var all = machine.Checkpoints.All;
        return machine with
        {
            Checkpoints = machine.Checkpoints with
            {
                All = [.. all.Where(one => !ids.Contains(one.Id)).Select(one => one with { ParentId = Kept(one.ParentId) })],
                CurrentId = Kept(machine.Checkpoints.CurrentId),
                Removed = [.. machine.Checkpoints.Removed, .. ids],
            },
        };

        Guid? Kept(Guid? id)
        {
            while (id is { } gone && ids.Contains(gone))
            {
                id = all.First(one => one.Id == gone).ParentId;
            }

            return id;
        }
    }

    /// <summary>Their files are gone too.</summary>
    public static VirtualMachineConfiguration Forgotten(VirtualMachineConfiguration machine) => machine with { Checkpoints = machine.Checkpoints with { Removed = [] } };

    /// <summary>A checkpoint and everything that was taken after it on the same branch or one from it.</summary>
    public static IReadOnlySet<Guid> Subtree(VirtualMachineConfiguration machine, Guid root)
    {
        var found = new HashSet<Guid> { root };

        // Parents come before their children.
        foreach (var one in machine.Checkpoints.All.Where(one => one.ParentId is { } parent && found.Contains(parent)))
        {
            found.Add(one.Id);
        }

        return found;
    }

    /// <summary>
    /// Settles work that was cut short: images that the storage plane has put on drives stay on them, the others were not made.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="served">Image that the plane serves for a drive, or null.</param>
    public static VirtualMachineConfiguration Settled(VirtualMachineConfiguration machine, Func<Guid, string?> served)
    {
        var made = machine.Checkpoints.Work?.Disks.Where(disk => served(disk.DriveId) == disk.Path).ToList() ?? [];
        return Adopt(machine, made) with { Checkpoints = machine.Checkpoints with { Disks = Append(machine.Checkpoints.Disks, made), Work = null } };
    }

    /// <summary>Drives that lost an image which a checkpoint made keep it from being cleaned up: somebody may want it.</summary>
    public static VirtualMachineConfiguration Detached(VirtualMachineConfiguration before, VirtualMachineConfiguration after)
    {
        if (before.Checkpoints.Disks.Count == 0 || after.Checkpoints != before.Checkpoints)
        {
            return after;
        }

        var lost = before.Drives.Select(drive => drive.Path).Except(after.Drives.Select(drive => drive.Path)).ToHashSet();
        return after.Checkpoints.Disks.Any(disk => lost.Contains(disk.Path) && !disk.IsKept)
            ? after with { Checkpoints = after.Checkpoints with { Disks = [.. after.Checkpoints.Disks.Select(disk => lost.Contains(disk.Path) ? disk with { IsKept = true } : disk)] } }
            : after;
    }

    /// <summary>What to clean up next, or null.</summary>
    public static CleanupStep? Next(VirtualMachineConfiguration machine)
    {
        var needed = machine.Drives.Concat(machine.Checkpoints.All.SelectMany(one => one.Machine.Drives)).Select(drive => drive.Path)
            .Concat(machine.Checkpoints.Disks.Where(disk => disk.IsKept).Select(disk => disk.Path))
            .Concat(machine.Checkpoints.Work?.Disks.Select(disk => disk.ParentPath) ?? [])
            .ToHashSet();
        foreach (var disk in machine.Checkpoints.Disks.Reverse().Where(disk => !disk.IsKept))
        {
            if (!needed.Contains(disk.Path) && machine.Checkpoints.Disks.All(other => other.ParentPath != disk.Path))
            {
                return new CleanupStep(disk.Path, null);
            }

            if (!needed.Contains(disk.ParentPath) && machine.Checkpoints.Disks.Count(other => other.ParentPath == disk.ParentPath) == 1)
            {
                return new CleanupStep(disk.Path, disk.ParentPath);
            }
        }

        return null;
    }

    /// <summary>Says that an image is being merged, or no longer.</summary>
    public static VirtualMachineConfiguration Merging(VirtualMachineConfiguration machine, string path, bool isMerging) => machine with
    {
        Checkpoints = machine.Checkpoints with { Disks = [.. machine.Checkpoints.Disks.Select(disk => disk.Path == path ? disk with { IsMerging = isMerging } : disk)] },
    };

    /// <summary>The image has gone into its parent: whoever named it names the parent.</summary>
    public static VirtualMachineConfiguration Merged(VirtualMachineConfiguration machine, CheckpointDisk merged) => Renamed(machine, merged) with
    {
        Checkpoints = machine.Checkpoints with
        {
            All = [.. machine.Checkpoints.All.Select(one => one with { Machine = Renamed(one.Machine, merged) })],
            Disks = [.. machine.Checkpoints.Disks.Where(disk => disk.Path != merged.Path).Select(disk => disk.ParentPath == merged.Path ? disk with { ParentPath = merged.ParentPath } : disk)],
        },
    };

    /// <summary>An image that nobody needed is gone.</summary>
    public static VirtualMachineConfiguration Deleted(VirtualMachineConfiguration machine, string path) => machine with
    {
        Checkpoints = machine.Checkpoints with { Disks = [.. machine.Checkpoints.Disks.Where(disk => disk.Path != path)] },
    };

    /// <summary>The drive whose chain of images the given one is part of, or null: then nobody has it open while the machine runs.</summary>
    public static DriveConfiguration? DriveOn(VirtualMachineConfiguration machine, string path)
    {
        foreach (var drive in machine.Drives)
        {
            // A chain has no more links than there are images: one that is a loop ends too.
            var at = drive.Path;
            for (var left = machine.Checkpoints.Disks.Count; at is not null && left >= 0; left--)
            {
                if (at == path)
                {
                    return drive;
                }

                at = machine.Checkpoints.Disks.FirstOrDefault(disk => disk.Path == at)?.ParentPath;
            }
        }

        return null;
    }

    private static VirtualMachineConfiguration Renamed(VirtualMachineConfiguration machine, CheckpointDisk merged) => machine.Drives.Any(drive => drive.Path == merged.Path)
        ? machine with { Drives = [.. machine.Drives.Select(drive => drive.Path == merged.Path ? drive with { Path = merged.ParentPath } : drive)] }
        : machine;

    private static VirtualMachineConfiguration Adopt(VirtualMachineConfiguration machine, IReadOnlyList<PendingDisk> disks) => disks.Count == 0
        ? machine
        : machine with { Drives = [.. machine.Drives.Select(drive => disks.FirstOrDefault(disk => disk.DriveId == drive.Id) is { } made ? drive with { Path = made.Path } : drive)] };

    private static IReadOnlyList<CheckpointDisk> Append(IReadOnlyList<CheckpointDisk> disks, IReadOnlyList<PendingDisk> made) =>
        made.Count == 0 ? disks : [.. disks, .. made.Select(disk => new CheckpointDisk(disk.Path, disk.ParentPath))];
}

/// <summary>One step of cleaning up.</summary>
/// <param name="Path">The image that goes.</param>
/// <param name="Into">Where its content goes; null is nowhere, because nobody needs it.</param>
internal sealed record CleanupStep(string Path, string? Into);
