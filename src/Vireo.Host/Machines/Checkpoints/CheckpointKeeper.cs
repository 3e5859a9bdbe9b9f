using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Store;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines.Checkpoints;

/// <summary>
/// Takes, applies and removes the checkpoints of one machine. What is about to be made is written down first, one write of the
/// configuration makes it count, and <see cref="SettleAsync"/> undoes or finishes what a host that died left in between. Calls come one at a
/// time (the machine's gate).
/// </summary>
internal sealed class CheckpointKeeper(ConfigurationKeeper keeper, IMachine machine, GuestFreeze freeze, UnitServices services)
{
    private VirtualMachineConfiguration Current => keeper.Current;

    /// <summary>Takes a checkpoint of the machine, running or not.</summary>
    /// <param name="name">Name; null makes one.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up; everything is as before.</param>
    /// <param name="export">It is for an export, which wants this of a running guest; null goes by the machine's settings.</param>
    /// <exception cref="CommandException">The machine's settings or disks forbid it, or the guest cannot be frozen and must be; everything is as before.</exception>
    public async Task<CheckpointConfiguration> TakeAsync(string? name, Action<string, int> progress, CancellationToken cancellation, CaptureLiveState? export = null)
    {
        await RequireDisksAsync(export is not null, cancellation);
        var now = services.Time.GetUtcNow();
        var checkpoint = new CheckpointConfiguration
        {
            Id = Guid.NewGuid(),
            Name = string.IsNullOrEmpty(name) ? $"{Current.Name} - ({services.Time.GetLocalNow().DateTime.ToString("M/d/yyyy - h:mm:ss tt", System.Globalization.CultureInfo.InvariantCulture)})" : name,
            CreationTime = now,
            ParentId = Current.Checkpoints.CurrentId,
            HasState = Current.HasSavedState,
            IsForExport = export is not null,
            Machine = Current with { Checkpoints = new(), HasSavedState = false },
        };
        keeper.Store(CheckpointTree.Intend(Current, new CheckpointWork(checkpoint.Id, NewDisks(Current.Drives))));
        CrashPoint.Hit("host.checkpoint.intended");
        try
        {
            return machine.Running is null ? await TakeOfIdleAsync(checkpoint, progress, cancellation) : await TakeOfRunningAsync(checkpoint, export, progress, cancellation);
        }
        catch (Exception failure)
        {
            await SettleAsync(CancellationToken.None);
            if (CheckpointTree.Find(Current, checkpoint.Id) is not { } taken)
            {
                throw;
            }

            // Its disks were written down before something went wrong with the guest, which its state shows: it is there, and so it was taken.
            services.Events.Write("CheckpointTaken", $"The checkpoint '{taken.Name}' of '{Current.Name}' was taken, but afterwards something failed: {failure.Message}", Current.Id);
            return taken;
        }
    }

    /// <summary>Makes a machine without a process what it was at a checkpoint.</summary>
    public async Task ApplyAsync(Guid id, Action<string, int> progress, CancellationToken cancellation)
    {
        var checkpoint = Require(id);
        var work = new CheckpointWork(id, NewDisks(checkpoint.Machine.Drives));
        keeper.Store(CheckpointTree.Intend(Current, work));
        CrashPoint.Hit("host.apply.intended");
        try
        {
            progress("Making disks", 20);
            await CreateDisksAsync(work, cancellation);
            CrashPoint.Hit("host.apply.disks");
            progress("Copying the state", 60);
            if (checkpoint.HasState)
            {
                // Until the configuration says that it counts, this is a state that nobody takes for the machine's.
                AtomicFile.Copy(CheckpointFiles.State(Current, id), MachineStore.SavedStateFile(Current));
            }

            CrashPoint.Hit("host.apply.files");
            keeper.Store(CheckpointTree.Applied(Current, checkpoint, services.SwitchExists));
            CrashPoint.Hit("host.apply.applied");
            RestoreFirmware();
        }
        catch
        {
            await SettleAsync(CancellationToken.None);
            throw;
        }
    }

    /// <summary>Forgets checkpoints; their disks are cleaned up by somebody else.</summary>
    public void Remove(IReadOnlySet<Guid> ids)
    {
        if (ids.Count == 0)
        {
            return;
        }

        keeper.Store(CheckpointTree.Removed(Current, ids));
        CrashPoint.Hit("host.checkpoint.removed");
        DeleteRemoved();
    }

    /// <summary>Throws the memory of a checkpoint away.</summary>
    public void RemoveState(Guid id)
    {
        Require(id);
        keeper.Store(Current with { Checkpoints = Current.Checkpoints with { All = [.. Current.Checkpoints.All.Select(one => one.Id == id ? one with { HasState = false } : one)] } });
        CrashPoint.Hit("host.checkpoint.forgotten");
        AtomicFile.Delete(CheckpointFiles.State(Current, id));
    }

    /// <summary>A checkpoint that must be there.</summary>
    public CheckpointConfiguration Require(Guid id) => CheckpointTree.Find(Current, id)
        ?? throw new CommandException("ObjectNotFound", ErrorCategory.ObjectNotFound, $"The virtual machine '{Current.Name}' has no checkpoint {id}; it may have been removed meanwhile.", Current.Name);

    /// <summary>Finishes or undoes what was cut short, and what the storage plane did since the configuration was written.</summary>
    public async Task SettleAsync(CancellationToken cancellation)
    {
        RestoreFirmware();
        DeleteRemoved();
        if (Current.Checkpoints.Work is null && Current.Checkpoints.Disks.All(disk => !disk.IsMerging))
        {
            return;
        }

        foreach (var disk in Current.Checkpoints.Disks.Where(disk => disk.IsMerging))
        {
            await EndMergeAsync(disk, cancellation);
        }

        var disks = await services.Storage.ListDisksAsync(cancellation);
        var served = disks.ToDictionary(disk => disk.Attachment.Id, disk => disk.Attachment.Path);
        if (Current.Checkpoints.Work is { } work)
        {
            var settled = CheckpointTree.Settled(Current, id => served.GetValueOrDefault(id));
            foreach (var disk in work.Disks.Where(disk => settled.Checkpoints.Disks.All(made => made.Path != disk.Path)))
            {
                AtomicFile.Delete(disk.Path);
            }

            if (CheckpointTree.Find(settled, work.CheckpointId) is null)
            {
                CheckpointFiles.Delete(settled, work.CheckpointId);
            }

            Move(settled);
        }

        foreach (var disk in Current.Checkpoints.Disks.Where(disk => disk.IsMerging).ToList())
        {
            await SettleMergeAsync(disk, served, cancellation);
        }
    }

    // The variables have one file without versions: they may change only when it is certain that the machine is at the checkpoint.
    private void RestoreFirmware()
    {
        if (Current.Checkpoints.FirmwareOf is { } id)
        {
            if (File.Exists(CheckpointFiles.Firmware(Current, id)))
            {
                AtomicFile.Copy(CheckpointFiles.Firmware(Current, id), MachineStore.FirmwareFile(Current));
            }

            if (File.Exists(CheckpointFiles.Tpm(Current, id)))
            {
                AtomicFile.Copy(CheckpointFiles.Tpm(Current, id), MachineStore.TpmFile(Current));
                File.SetUnixFileMode(MachineStore.TpmFile(Current), UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            keeper.Store(Current with { Checkpoints = Current.Checkpoints with { FirmwareOf = null } });
            CrashPoint.Hit("host.apply.firmware");
        }
    }

    private void DeleteRemoved()
    {
        if (Current.Checkpoints.Removed.Count > 0)
        {
            foreach (var id in Current.Checkpoints.Removed)
            {
                CheckpointFiles.Delete(Current, id);
            }

            keeper.Store(CheckpointTree.Forgotten(Current));
        }
    }

    // Until the plane has ended a merge nobody knows what became of the image: a host that died, or whose connection broke, left it going on.
    private async Task EndMergeAsync(CheckpointDisk disk, CancellationToken cancellation)
    {
        if (machine.Running is not null && CheckpointTree.DriveOn(Current, disk.Path) is { } drive)
        {
            try
            {
                await services.Storage.CancelCopyAsync(drive.Id, CopyKind.Merge, cancellation);
            }
            catch (ControlException gone) when (gone.Error.ErrorId == "ObjectNotFound")
            {
                // The plane serves no such disk: nothing is merged under it.
            }
        }

        await services.Storage.EndImageWorkAsync(disk.Path, cancellation);
    }

    // The plane removes the image last: it is gone, or no drive stands on it any more.
    private async Task SettleMergeAsync(CheckpointDisk disk, Dictionary<Guid, string> served, CancellationToken cancellation)
    {
        var drive = CheckpointTree.DriveOn(Current, disk.Path);
        if (File.Exists(disk.Path) && (drive?.Path != disk.Path || served.GetValueOrDefault(drive.Id) != disk.ParentPath))
        {
            keeper.Store(CheckpointTree.Merging(Current, disk.Path, isMerging: false));
            return;
        }

        // What stands on it in a running machine was relinked by the plane. The rest nobody has open.
        foreach (var child in Current.Checkpoints.Disks.Where(child => child.ParentPath == disk.Path))
        {
            if (machine.Running is null || CheckpointTree.DriveOn(Current, child.Path) is null)
            {
                await services.Storage.WorkOnImageAsync(
                    new ImageWork(ImageOperation.SetParent, child.Path, OtherPath: disk.ParentPath, IgnoreIdMismatch: true), null, cancellation);
            }
        }

        Move(CheckpointTree.Merged(Current, disk));
        CrashPoint.Hit("host.merge.settled");
    }

    private async Task<CheckpointConfiguration> TakeOfIdleAsync(CheckpointConfiguration checkpoint, Action<string, int> progress, CancellationToken cancellation)
    {
        progress("Making disks", 20);
        await CreateDisksAsync(Current.Checkpoints.Work!, cancellation);
        CrashPoint.Hit("host.checkpoint.disks");
        if (checkpoint.HasState)
        {
            progress("Copying the saved state", 60);
            AtomicFile.Copy(MachineStore.SavedStateFile(Current), CheckpointFiles.State(Current, checkpoint.Id));
        }

        return Commit(checkpoint);
    }

    private async Task<CheckpointConfiguration> TakeOfRunningAsync(CheckpointConfiguration checkpoint, CaptureLiveState? export, Action<string, int> progress, CancellationToken cancellation)
    {
        var frozen = await freeze.TryBeginAsync(export, progress, cancellation);
        checkpoint = checkpoint with { HasState = export is null ? !frozen : export == CaptureLiveState.CaptureSavedState, IsApplicationConsistent = frozen };
        try
        {
            CrashPoint.Hit("host.checkpoint.frozen");
            cancellation.ThrowIfCancellationRequested();
            progress(checkpoint.HasState ? "Writing memory" : "Taking disks", 30);
            await machine.CheckpointAsync(
                !checkpoint.HasState ? null : CheckpointFiles.State(Current, checkpoint.Id),
                async _ =>
                {
                    progress("Taking disks", 80);
                    foreach (var disk in Current.Checkpoints.Work!.Disks)
                    {
                        await SnapshotAsync(disk);
                        CrashPoint.Hit("host.checkpoint.disk");
                    }

                    Commit(checkpoint);
                },
                cancellation);
        }
        finally
        {
            if (frozen)
            {
                await freeze.EndAsync();
            }
        }

        return checkpoint;
    }

    private CheckpointConfiguration Commit(CheckpointConfiguration checkpoint)
    {
        CheckpointFiles.KeepFirmware(Current, checkpoint.Id);
        Move(CheckpointTree.Taken(Current, checkpoint));
        CrashPoint.Hit("host.checkpoint.taken");
        return checkpoint;
    }

    /// <summary>Stores a configuration whose drives have other images, and lets the running process know.</summary>
    private void Move(VirtualMachineConfiguration after)
    {
        keeper.Store(after);
        machine.MoveDrives(after.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }).ToDictionary(drive => drive.Id, drive => drive.Path!));
    }

    private async Task RequireDisksAsync(bool isForExport, CancellationToken cancellation)
    {
        if (Current.CheckpointType == "Disabled" && !isForExport)
        {
            throw Errors.State($"Checkpoints of the virtual machine '{Current.Name}' are disabled; use Set-VM -CheckpointType to allow them.", Current.Name);
        }

        PhysicalDisks.RefuseFor(Current, isForExport ? "cannot be exported" : "cannot have a checkpoint");
        SharedDisks.RefuseFor(Current, isForExport ? "cannot be exported" : "cannot have a checkpoint");
        foreach (var drive in Current.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }))
        {
            var image = await services.Storage.InspectImageAsync(drive.Path!, cancellation);
            if (image.Format == ImageFormat.Raw)
            {
                throw Errors.State(
                    isForExport
                        ? $"The virtual machine '{Current.Name}' cannot be exported while it runs: its disk '{drive.Path}' is neither VHDX nor VHD; turn the machine off, or use Convert-VHD."
                        : $"The virtual machine '{Current.Name}' cannot have a checkpoint: its disk '{drive.Path}' is neither VHDX nor VHD; use Convert-VHD.", Current.Name);
            }
        }
    }

    private static List<PendingDisk> NewDisks(IReadOnlyList<DriveConfiguration> drives) =>
        [.. drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }).Select(drive => new PendingDisk(drive.Id, CheckpointFiles.NextImage(drive.Path!), drive.Path!))];

    private async Task CreateDisksAsync(CheckpointWork work, CancellationToken cancellation)
    {
        foreach (var disk in work.Disks)
        {
            var format = disk.Path.EndsWith(".avhd", StringComparison.Ordinal) ? ImageFormat.Vhd : ImageFormat.Vhdx;
            await services.Storage.CreateImageAsync(new CreateImage(disk.Path, format, ImageType.Differencing, 0, ParentPath: disk.ParentPath), cancellation);
        }
    }

    private async Task SnapshotAsync(PendingDisk disk)
    {
        try
        {
            await services.Storage.SnapshotAsync(disk.DriveId, new TakeSnapshot(disk.Path), CancellationToken.None);
        }
        catch (ControlException)
        {
            // The plane may have done it and died before it said so.
            if ((await services.Storage.ListDisksAsync(CancellationToken.None)).All(open => open.Attachment.Id != disk.DriveId || open.Attachment.Path != disk.Path))
            {
                throw;
            }
        }
    }
}
