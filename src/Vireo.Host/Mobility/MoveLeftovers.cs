using Vireo.Control;
using Vireo.Host.Machines;
using Vireo.Host.Transfers;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mobility;

/// <summary>What moves leave: copies that do not count, and sources that are not needed any more.</summary>
/// <param name="services">The host.</param>
internal sealed class MoveLeftovers(UnitServices services)
{
    /// <summary>
    /// Deletes what the move made or replaced and nobody needs; false when some of it is to go later: a process has it open, or who needs it is not known.
    /// </summary>
    /// <param name="record">The move.</param>
    /// <param name="machine">The machine as it is on this host; null when it is on another.</param>
    /// <param name="cancellation">Ends the wait for the storage plane.</param>
    public async Task<bool> CollectAsync(StorageMoveRecord record, VirtualMachineConfiguration? machine, CancellationToken cancellation)
    {
        // Before anything is deleted: as long as a copy is there, its number is nobody else's.
        List<string> made = [.. record.MadeImages.Where(image => image.IsThere).Select(image => image.Path).Reverse()];
        List<string> madeFiles = [.. record.MadeFiles.Where(file => file.IsThere).Select(file => file.Path), .. record.MadeConfiguration is { } configuration ? [configuration] : Array.Empty<string>()];
        foreach (var partial in record.Partial)
        {
            AtomicFile.Sweep(partial);
            AtomicFile.Delete(partial);
        }

        List<string> images = [.. made, .. record.IsCommitted ? record.SourceImages : []];
        var isSure = true;
        if (images.Exists(File.Exists))
        {
            (var needed, isSure) = await NeededImagesAsync(machine, cancellation);
            foreach (var image in images.Where(image => !needed.Contains(Path.GetFullPath(image)) && (isSure || made.Contains(image))))
            {
                AtomicFile.Sweep(image);
                AtomicFile.Delete(image);
                CrashPoint.Hit("host.move.deleted");
            }
        }

        var files = (machine is null ? [] : MachineFiles.All(machine)).ToHashSet(StringComparer.Ordinal);
        foreach (var file in madeFiles.Concat(record.IsCommitted ? record.SourceFiles : []).Where(file => !files.Contains(file)))
        {
            AtomicFile.Sweep(file);
            AtomicFile.Delete(file);
        }

        foreach (var folder in record.MadeFolders.Reverse().Concat(record.IsCommitted ? record.SourceFolders : []))
        {
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }
        }

        return isSure && (!record.IsCommitted || machine?.FirmwarePath is null || !record.SourceFiles.Any(file => files.Contains(file) && File.Exists(file)));
    }

    // Whatever an image of a machine stands on, and what the plane serves; not sure when the disk of another machine cannot be read.
    private async Task<(HashSet<string> Needed, bool IsSure)> NeededImagesAsync(VirtualMachineConfiguration? machine, CancellationToken cancellation)
    {
        var isSure = true;
        var needed = new HashSet<string>(StringComparer.Ordinal);
        needed.UnionWith((await services.Storage.ListDisksAsync(cancellation)).Select(disk => disk.Attachment.Path).Where(Path.IsPathRooted).Select(Path.GetFullPath));
        if (machine is not null)
        {
            await AddAsync(MachinePaths.Disks(machine).Concat(machine.Checkpoints.Disks.Select(disk => disk.Path)), mustBeWhole: true);
        }

        foreach (var other in services.Machines().Where(other => other.Id != machine?.Id))
        {
            await AddAsync(MachinePaths.Disks(other), mustBeWhole: false);
        }

        return (needed, isSure);

        async Task AddAsync(IEnumerable<string> paths, bool mustBeWhole)
        {
            foreach (var path in paths.Where(Path.IsPathRooted).Select(Path.GetFullPath))
            {
                needed.Add(path);
                if (!File.Exists(path))
                {
                    continue;
                }

                try
                {
                    needed.UnionWith((await ImageChains.CollectAsync(services.Storage, [path], cancellation)).Select(image => image.Path));
                }
                catch (ControlException unreadable) when (!mustBeWhole && unreadable is not PlaneUnreachableException)
                {
                    isSure = false;
                    services.Events.Write("StorageMoveUnsure", $"Disks that '{machine?.Name ?? "a virtual machine"}' was moved away from stay for now: '{path}' of another virtual machine cannot be read, so it is not known what it stands on: {unreadable.Message}", machine?.Id);
                }
            }
        }
    }
}
