using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Machines;
using Vireo.Host.Transfers;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mobility;

/// <summary>
/// Moves the storage of one machine. Each file is written down before it is made; images that nobody writes to are copied, those of a running
/// guest are mirrored by the storage plane and change places when both sides are the same; one write of the configuration makes it count; then what
/// nobody needs any more is deleted. <see cref="SettleAsync"/> does the last part for a move that was cut short, forwards or backwards. What is said
/// to be behind the machine's gate is called by one at a time.
/// </summary>
internal sealed class StorageMover(ConfigurationKeeper keeper, IMachine machine, UnitServices services)
{
    private Guid? _active;

    private VirtualMachineConfiguration Current => keeper.Current;

    /// <summary>Plans a move and writes it down; null when everything is where it should be. Behind the gate.</summary>
    public async Task<StorageMove?> BeginAsync(StorageMoveRequest request, CancellationToken cancellation)
    {
        var isRunning = machine.Running is not null;
        var images = await ImageChains.CollectAsync(services.Storage, MachinePaths.Disks(Current).Where(Path.IsPathRooted), cancellation);
        var plan = StorageMovePlan.Of(Current, images, request, isRunning, Guid.NewGuid());
        if (plan.IsEmpty(Current))
        {
            return null;
        }

        foreach (var target in plan.Record.Images.Select(image => image.Target).Concat(plan.Files.Where(file => File.Exists(file.Source)).Select(file => file.Target)))
        {
            if (Path.Exists(target))
            {
                throw Errors.Exists($"The storage of the virtual machine '{Current.Name}' cannot be moved: '{target}' exists already; choose another folder, or move that away.", target);
            }
        }

        _active = plan.Record.Id;
        var move = new StorageMove(plan, services.Moves.Write(plan.Record), isRunning);
        CrashPoint.Hit("host.move.begun");
        return move;
    }

    /// <summary>Copies what nobody writes to.</summary>
    public async Task CopyAsync(StorageMove move, Action<string, int> progress, CancellationToken cancellation)
    {
        var targets = move.Record.Images.ToDictionary(image => image.Source, image => image.Target);
        var live = move.Record.Live.Select(one => one.Source).ToHashSet();
        List<FileToCopy> files =
        [
            .. move.Plan.Images.Where(image => !live.Contains(image.Path)).Select(image => new FileToCopy(
                image.Path, targets[image.Path], CopyManner.Image, image.ParentPath is { } parent ? targets.GetValueOrDefault(parent, parent) : null, image.FileBytes)),
            .. move.Plan.Files.Where(file => File.Exists(file.Source))
                .Select(file => new FileToCopy(file.Source, file.Target, CopyManner.State, null, new FileInfo(file.Source).Length)),
        ];
        var part = move.PartOf(files.Sum(file => file.Bytes));
        await new FilesToCopy(services.Storage, files, "host.move.copied").RunAsync(
            file =>
            {
                (move.Record, var partial) = services.Moves.Copying(move.Record, file.Target);
                return partial;
            },
            (file, partial) => move.Record = services.Moves.Copied(move.Record, file.Target, partial, isImage: targets.ContainsValue(file.Target)),
            (status, percent) => progress(status, (int)(percent * part)),
            cancellation);
    }

    /// <summary>Makes the copies of images that the guest writes to; returns when each is the same as its source, and stays so.</summary>
    public async Task MirrorAsync(StorageMove move, Action<string, int> progress, CancellationToken cancellation)
    {
        var images = move.Plan.Images.ToDictionary(image => image.Path);
        var done = move.Plan.Images.Sum(image => image.FileBytes) - move.LiveBytes;
        foreach (var live in move.Record.Live)
        {
            var image = images[live.Source];
            move.Record = services.Moves.Creating(move.Record, live.Target);
            await MakeTargetAsync(move, image, live.Target, cancellation);
            move.Record = services.Moves.Created(move.Record, live.Target);
            cancellation.ThrowIfCancellationRequested();
            await services.Storage.StartMirrorAsync(
                live.DriveId,
                new StartMirror(live.Target, Create: false, TargetIsZero: image.ParentPath is null, KeepsChain: image.ParentPath is not null, KeepsDiskId: true),
                cancellation);
            CrashPoint.Hit("host.move.mirroring");
            var start = done;
            await ReadyAsync(live, status => progress(
                $"Mirroring '{Path.GetFileName(live.Source)}'", (int)Math.Clamp(100.0 * (start + (image.FileBytes * Part(status))) / Math.Max(1, move.Bytes), 0, 99)), cancellation);
            done += image.FileBytes;
        }
    }

    /// <summary>Puts the copies in the place of their sources. From here on nobody can give it up. Behind the gate.</summary>
    public async Task SwitchAsync(StorageMove move)
    {
        if (move.IsRunning)
        {
            foreach (var live in move.Record.Live)
            {
                await RequireReadyAsync(live);
            }

            move.Record = services.Moves.Write(move.Record with { IsSwitching = true });
            CrashPoint.Hit("host.move.switching");
            foreach (var live in move.Record.Live)
            {
                await CompleteAsync(live);
                CrashPoint.Hit("host.move.switched");
            }
        }

        move.Record = Commit(move.Record, StorageMovePlan.Apply(Current, move.Record, machine.Running is not null));
    }

    /// <summary>The move has ended, well or not: what is left to do is <see cref="SettleAsync"/>'s.</summary>
    public void Leave() => _active = null;

    /// <summary>
    /// Finishes or undoes moves that are not under way any more; what cannot be deleted now is told, and tried again. Behind the gate.
    /// </summary>
    public async Task SettleAsync(CancellationToken cancellation)
    {
        foreach (var record in services.Moves.Of(Current.Id).Where(record => record.Id != _active))
        {
            var settled = record;
            if (!record.IsCommitted)
            {
                settled = Current.LastMove == record.Id ? services.Moves.Write(record with { IsCommitted = true }) : await AdoptAsync(record, cancellation);
            }

            try
            {
                if (await new MoveLeftovers(services).CollectAsync(settled, Current, cancellation))
                {
                    services.Moves.End(settled.Id);
                }
            }
            catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or ControlException)
            {
                services.Events.Write("StorageMoveLeftover", $"What a move of the storage of '{Current.Name}' left could not be deleted yet: {failed.Message}", Current.Id);
            }
        }
    }

    /// <summary>Lets the files follow that a process had open, once it has ended. Behind the gate.</summary>
    public void BringDeviceFiles()
    {
        if (Current.FirmwarePath is null || machine.Status.ProcessId is not null)
        {
            return;
        }

        var after = Current with { FirmwarePath = null };
        foreach (var (source, target) in MachineFiles.Devices(Current).Zip(MachineFiles.Devices(after)).Where(pair => File.Exists(pair.First)))
        {
            AtomicFile.Copy(source, target);
        }

        CrashPoint.Hit("host.move.devices");
        keeper.Store(after);
    }

    private static double Part(CopyStatus status) => status.SizeBytes == 0 ? 1 : (double)status.DoneBytes / status.SizeBytes;

    private StorageMoveRecord Commit(StorageMoveRecord record, VirtualMachineConfiguration after)
    {
        if (after.Path != Current.Path)
        {
            record = services.Moves.Configuring(record, MachineFiles.Configuration(after));
        }

        StorageMoveJournal.Sync(record);
        CrashPoint.Hit("host.move.committing");
        keeper.Relocate(after);
        CrashPoint.Hit("host.move.committed");
        machine.MoveDrives(after.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }).ToDictionary(drive => drive.Id, drive => drive.Path!));
        return services.Moves.Write(record with { IsCommitted = true });
    }

    private async Task MakeTargetAsync(StorageMove move, ChainImage image, string target, CancellationToken cancellation)
    {
        var info = await services.Storage.InspectImageAsync(image.Path, cancellation);
        var parent = image.ParentPath is { } path ? move.Record.Images.FirstOrDefault(one => one.Source == path)?.Target ?? path : null;
        await services.Storage.CreateImageAsync(
            ImageTwin.Of(info, target, parent),

            // Short, and not given up: then it is known that it was made.
            CancellationToken.None);
    }

    private Task ReadyAsync(LiveImageMove live, Action<CopyStatus> told, CancellationToken cancellation) =>
        MirrorWait.ReadyAsync(() => CopyAsync(live, cancellation), told, services.Time, cancellation);

    private async Task RequireReadyAsync(LiveImageMove live)
    {
        if (machine.Running is null || (await CopyAsync(live, CancellationToken.None)).Phase != CopyPhase.Ready)
        {
            throw Ended(live, null);
        }
    }

    // The mirror, as long as there is one.
    private async Task<CopyStatus> CopyAsync(LiveImageMove live, CancellationToken cancellation)
    {
        try
        {
            var status = await services.Storage.GetCopyAsync(live.DriveId, CopyKind.Mirror, cancellation);
            return status.Path == live.Target && status.Phase is CopyPhase.Copying or CopyPhase.Ready ? status : throw Ended(live, status);
        }
        catch (ControlException gone) when (gone.Error.ErrorId == "ObjectNotFound")
        {
            throw Ended(live, null);
        }
    }

    private CommandException Ended(LiveImageMove live, CopyStatus? status) => MirrorWait.Failed(
        status,
        $"The disk '{live.Source}' of the virtual machine '{Current.Name}' was not moved to '{live.Target}', it is as it was: {status?.Failure ?? "the machine stopped running meanwhile"}.", Current.Name);

    private async Task CompleteAsync(LiveImageMove live)
    {
        try
        {
            await services.Storage.CompleteMirrorAsync(live.DriveId, MirrorEnd.Switch, CancellationToken.None);
        }
        catch (ControlException)
        {
            // The plane may have done it and died before it said so.
            if ((await services.Storage.ListDisksAsync(CancellationToken.None)).All(open => open.Attachment.Id != live.DriveId || open.Attachment.Path != live.Target))
            {
                throw;
            }
        }
    }

    // A move that was cut short before it counted. What the plane serves from its new place is there; the rest stays where it was.
    private async Task<StorageMoveRecord> AdoptAsync(StorageMoveRecord record, CancellationToken cancellation)
    {
        foreach (var partial in record.Partial)
        {
            await services.Storage.EndImageWorkAsync(partial, cancellation);
        }

        if (record.Live.Count == 0)
        {
            return record;
        }

        var served = (await services.Storage.ListDisksAsync(cancellation)).ToDictionary(disk => disk.Attachment.Id, disk => disk.Attachment.Path);
        var switched = record.Live.Where(live => record.IsSwitching && served.GetValueOrDefault(live.DriveId) == live.Target).ToList();
        foreach (var live in record.Live.Except(switched).Where(live => served.ContainsKey(live.DriveId)))
        {
            await services.Storage.CancelCopyAsync(live.DriveId, CopyKind.Mirror, cancellation);
        }

        if (switched.Count == 0)
        {
            return record;
        }

        if (switched.Count < record.Live.Count)
        {
            services.Events.Write(
                "StorageMoveIncomplete",
                $"Of the storage of '{Current.Name}' only {string.Join(", ", switched.Select(live => $"'{live.Target}'"))} could be moved; the rest is where it was.", Current.Id);
        }

        return Commit(record, switched.Count == record.Live.Count
            ? StorageMovePlan.Apply(Current, record, machine.Running is not null) : StorageMovePlan.ApplyPart(Current, record, switched));
    }
}

/// <summary>A move under way.</summary>
/// <param name="plan">What goes where.</param>
/// <param name="record">What is written down of it.</param>
/// <param name="isRunning">The guest runs meanwhile.</param>
internal sealed class StorageMove(StorageMovePlan plan, StorageMoveRecord record, bool isRunning)
{
    /// <summary>What goes where.</summary>
    public StorageMovePlan Plan => plan;

    /// <summary>What is written down of it now.</summary>
    public StorageMoveRecord Record { get; set; } = record;

    /// <summary>The guest runs meanwhile.</summary>
    public bool IsRunning => isRunning;

    /// <summary>About how much is copied.</summary>
    public long Bytes => plan.Images.Sum(image => image.FileBytes);

    /// <summary>About how much of that the guest writes to.</summary>
    public long LiveBytes => plan.Images.Where(image => plan.Record.Live.Any(live => live.Source == image.Path)).Sum(image => image.FileBytes);

    /// <summary>Share of the whole, 0 to 1, that so many bytes beside the guest's are.</summary>
    public double PartOf(long bytes) => (double)bytes / Math.Max(1, bytes + LiveBytes);
}
