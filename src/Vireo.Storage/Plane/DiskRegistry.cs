using Microsoft.Extensions.Logging;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Disks;
using Vireo.Disks.Files;
using Vireo.Platform.Testing;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Layers;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Plane;

/// <summary>
/// The disks of the plane. Changes come one after the other and are on disk before they are answered, so a killed plane comes back with
/// every disk it had promised. Looking does not wait for changes.
/// </summary>
internal sealed partial class DiskRegistry(
    string statePath, IReadOnlyList<IFrontEndFactory> frontEnds, LayerCatalog catalog, ILoggerFactory loggers, TimeProvider time) : IAsyncDisposable
{
    // Each is asked for again within seconds, if at all.
    private const int RememberedHandOvers = 64;

    private readonly SemaphoreSlim _changing = new(1, 1);
    private readonly ILogger _logger = loggers.CreateLogger<DiskRegistry>();
    private volatile Dictionary<Guid, OpenDisk> _disks = [];
    private volatile Dictionary<Guid, (DiskRecord Record, ControlError Error)> _failed = [];
    private volatile ParentSearch _parents = ParentSearch.Default;
    private volatile IReadOnlyList<HandedOverDisk> _handedOver = [];
    private long _violations;

    /// <summary>How the plane is.</summary>
    public StorageHealth Health => new(
        Environment.ProcessId, _disks.Count, [.. _failed.Values.Select(failed => new DiskFailure(failed.Record.Attachment, failed.Error))], Volatile.Read(ref _violations));

    /// <summary>Disks whose guests wait for what is below them.</summary>
    public StalledBoard Stalled { get; } = new(time);

    /// <summary>Every open disk.</summary>
    public IReadOnlyList<DiskStatus> List() => [.. _disks.Values.Select(disk => disk.Status)];

    /// <summary>What every open disk has counted.</summary>
    public IReadOnlyList<DiskCounters> ListCounters() => [.. _disks.Values.Select(disk => disk.Counters)];

    /// <summary>The disk that has <paramref name="path"/> open, or null; one that stands by has not.</summary>
    public OpenDisk? FindByPath(string path) =>
        _disks.Values.FirstOrDefault(disk => !IsStandby(disk) && ImageFiles.AreSame(disk.Attachment.Path, path));

    /// <summary>One open disk.</summary>
    /// <exception cref="ControlException">It is not open.</exception>
    public OpenDisk Get(Guid id) => _disks.GetValueOrDefault(id) ?? throw PlaneErrors.NotFound($"The disk {id} is not open.", id.ToString());

    /// <summary>Opens what the state file names. What cannot be opened is kept and reported, and does not keep the others from opening.</summary>
    /// <exception cref="InvalidDataException">The state file cannot be read.</exception>
    public Task RestoreAsync() => InTurnAsync(async () =>
    {
        var disks = new Dictionary<Guid, OpenDisk>();
        var failed = new Dictionary<Guid, (DiskRecord, ControlError)>();
        var state = StorageState.Load(statePath);
        _parents = ToSearch(state.Parents ?? []);
        _handedOver = state.HandedOver ?? [];
        var records = state.Disks;
        foreach (var record in records)
        {
            try
            {
                var disk = await OpenAsync(record).ConfigureAwait(false);
                disks.Add(record.Attachment.Id, disk);
            }
            catch (ControlException exception)
            {
                LogNotRestored(_logger, record.Attachment.Id, exception.Message);
                failed.Add(record.Attachment.Id, (record, exception.Error));
            }
        }

        (_disks, _failed) = (disks, failed);
        if (records.Any(record => record.Change is not null || record.TlsAddress is not null))
        {
            Publish(disks, failed);
        }

        foreach (var disk in disks.Values.Where(disk => disk.Change is not null))
        {
            await ResumeMergeAsync(disk).ConfigureAwait(false);
            Publish(_disks, _failed);
        }
    });

    /// <summary>Opens and serves a disk; the same attachment again changes nothing. One that stands by gets its image when the same is asked without that.</summary>
    /// <exception cref="ControlException">It cannot be opened, or the id is taken by another attachment and <paramref name="replace"/> is not set.</exception>
    public Task<DiskStatus> PutAsync(DiskAttachment attachment, bool replace) => InTurnAsync(async () =>
    {
        if (_disks.TryGetValue(attachment.Id, out var present))
        {
            if (present.Attachment == attachment)
            {
                return present.Status;
            }

            if (IsSameDisk(present.Attachment, attachment))
            {
                RefuseStandby(present.Attachment, attachment);
                if ((attachment.Standby is null || attachment.Standby == present.Attachment.Standby) && CanListenInPlace(present.Attachment, attachment))
                {
                    if (attachment.Standby != present.Attachment.Standby)
                    {
                        await ActivateAsync(present).ConfigureAwait(false);
                    }

                    await ListenAsync(present, attachment).ConfigureAwait(false);
                    return present.Status;
                }
            }

            if (!replace)
            {
                throw new ControlException(new ControlError(
                    "ObjectInUse",
                    "ResourceBusy",
                    $"The disk {attachment.Id} is open already as '{present.Attachment.Path}' with other settings; close it first or ask for replacement.",
                    attachment.Id.ToString()));
            }

            await CloseAsync(present).ConfigureAwait(false);
        }

        // One that could not be opened before goes on where it was.
        var record = new DiskRecord(attachment, []);
        if (_failed.TryGetValue(attachment.Id, out var failed) && IsSameDisk(failed.Record.Attachment, attachment))
        {
            RefuseStandby(failed.Record.Attachment, attachment);
            record = failed.Record with { Attachment = attachment };
        }

        var disk = await OpenAsync(record).ConfigureAwait(false);
        CrashPoint.Hit("storage.disk.opened");
        try
        {
            Publish(With(disk), Without(_failed, attachment.Id));
        }
        catch
        {
            await disk.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        if (disk.Change is not null)
        {
            await ResumeMergeAsync(disk).ConfigureAwait(false);
            Publish(_disks, _failed);
        }

        return disk.Status;
    });

    /// <summary>Closes a disk; one that is not open is closed already.</summary>
    public Task DeleteAsync(Guid id) => InTurnAsync(async () =>
    {
        if (_disks.TryGetValue(id, out var disk))
        {
            await CloseAsync(disk).ConfigureAwait(false);
        }
        else if (_failed.ContainsKey(id))
        {
            Publish(_disks, Without(_failed, id));
        }
    });

    /// <summary>Splices a layer into a disk.</summary>
    /// <exception cref="ControlException">No such disk, kind, position or setting, or the name is taken.</exception>
    public Task<DiskStatus> InsertLayerAsync(Guid id, LayerSpecification specification) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        await SpliceAsync(disk, specification).ConfigureAwait(false);
        Publish(_disks, _failed);
        return disk.Status;
    });

    /// <summary>Gives a layer other settings in place.</summary>
    /// <exception cref="ControlException">No such disk or layer, a setting is wrong, or the kind cannot be changed in place.</exception>
    public Task<DiskStatus> ChangeLayerAsync(Guid id, LayerSpecification specification) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        var index = disk.Layers.FindIndex(layer => string.Equals(layer.Name, specification.Name, StringComparison.Ordinal));
        if (index < 0)
        {
            throw PlaneErrors.NotFound($"The disk {id} has no layer '{specification.Name}' that could be changed.", specification.Name);
        }

        var present = disk.Layers[index];
        if (!string.Equals(present.Kind, specification.Kind, StringComparison.Ordinal) || catalog.Find(present.Kind)?.Change is not { } change)
        {
            throw PlaneErrors.Invalid($"The layer '{present.Name}' is of the kind '{present.Kind}' and cannot be changed in place to '{specification.Kind}'; remove it and insert the other.", present.Name);
        }

        try
        {
            change(disk.Stack.Layers.First(layer => string.Equals(layer.Name, present.Name, StringComparison.Ordinal)), new LayerSettings(specification.Settings));
        }
        catch (FormatException exception)
        {
            throw PlaneErrors.Invalid($"The layer '{specification.Name}' cannot be changed: {exception.Message}.", specification.Name, exception);
        }

        disk.Layers[index] = present with { Settings = specification.Settings };
        Publish(_disks, _failed);
        return disk.Status;
    });

    /// <summary>Splices a layer out of a disk; one that is not there is out already.</summary>
    /// <exception cref="ControlException">No such disk, or the layer is the plane's own.</exception>
    public Task RemoveLayerAsync(Guid id, string name) => InTurnAsync(async () =>
    {
        var disk = Get(id);
        if (!disk.Layers.Exists(layer => string.Equals(layer.Name, name, StringComparison.Ordinal))
            && disk.Stack.Layers.Any(layer => string.Equals(layer.Name, name, StringComparison.Ordinal)))
        {
            throw PlaneErrors.Invalid($"The layer '{name}' belongs to the plane and stays.", name);
        }

        await disk.Stack.RemoveAsync(name).ConfigureAwait(false);
        disk.Layers.RemoveAll(layer => string.Equals(layer.Name, name, StringComparison.Ordinal));
        Publish(_disks, _failed);
    });

    /// <summary>What a layer of a disk tells about itself.</summary>
    /// <exception cref="ControlException">No such disk or layer.</exception>
    public LayerStatus GetLayer(Guid id, string name)
    {
        var disk = Get(id);
        var layer = disk.Stack.Layers.FirstOrDefault(layer => string.Equals(layer.Name, name, StringComparison.Ordinal))
            ?? throw PlaneErrors.NotFound($"The disk {id} has no layer '{name}'.", name);
        var kind = disk.Layers.Find(specification => string.Equals(specification.Name, name, StringComparison.Ordinal))?.Kind;

        // The plane's own layers are called by what they do.
        return new LayerStatus(name, kind ?? name, catalog.Find(kind ?? name)?.Report(layer) ?? []);
    }

    /// <summary>Closes every disk; the state file stays, so the next start opens them again.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var disk in _disks.Values)
        {
            try
            {
                await disk.DisposeAsync().ConfigureAwait(false);
            }
            catch (ImageException exception)
            {
                LogNotClosed(_logger, disk.Attachment.Path, exception.Message);
            }
        }

        _changing.Dispose();
    }

    private async Task<OpenDisk> OpenAsync(DiskRecord record)
    {
        var attachment = record.Attachment;
        var factory = frontEnds.FirstOrDefault(factory => factory.Kind == attachment.FrontEnd)
            ?? throw PlaneErrors.Invalid($"This plane has no front end of the kind {attachment.FrontEnd}.", attachment.Id.ToString());
        StandbyImage.Require(attachment);
        IDiskImage image;
        CopyStatus? ended;

        // They began with a snapshot that did not come to be.
        var undone = record.Change is { Kind: DiskChangeKind.Snapshot, Checkpoints: { } begun } ? begun : [];
        try
        {
            (record, ended) = Settle(record);

            // In the middle of a merge a parent may have an identity that its child does not know yet.
            var search = _parents with { IgnoreIdMismatch = record.Change is not null };
            image = attachment.Standby is { } standby
                ? new StandbyImage(attachment.Path, standby, attachment.ReadOnly)
                : await OpenImageAsync(attachment.Path, new ImageOpenOptions(attachment.ReadOnly, Parents: search, Direct: attachment.Direct, Device: attachment.IsDevice)).ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }

        // From here on whatever was opened is closed again when a later step fails.
        var stack = new DiskStack(image, attachment.Path, Report, Foundation(attachment, image));
        IFrontEnd? frontEnd = null;
        INetworkFrontEnd? network = null;
        try
        {
            var meter = new MeterLayer(OpenDisk.MeterName, time);
            await stack.InsertAsync(meter).ConfigureAwait(false);
            frontEnd = factory.Start(new FrontEndContext(attachment, stack, loggers, time, why => Stalled.Set(
                attachment.Id, why is null ? null : new StalledDisk(attachment.Id, attachment.Path, why == BlockStatus.NoSpace))));
            network = StartNetwork(attachment, stack, record.TlsAddress);
            var disk = new OpenDisk(attachment, image, stack, meter, frontEnd) { Change = record.Change, LastCopy = ended, Network = network };
            foreach (var layer in record.Layers)
            {
                await SpliceAsync(disk, layer).ConfigureAwait(false);
            }

            foreach (var checkpoint in undone)
            {
                FindTracking(disk, checkpoint.Layer)?.RemoveCheckpoint(checkpoint.Name);
            }

            return disk;
        }
        catch (Exception exception)
        {
            if (network is not null)
            {
                await network.DisposeAsync().ConfigureAwait(false);
            }

            if (frontEnd is not null)
            {
                await frontEnd.DisposeAsync().ConfigureAwait(false);
            }

            await stack.DisposeAsync().ConfigureAwait(false);
            if (exception is IOException or UnauthorizedAccessException)
            {
                throw PlaneErrors.Failed(exception.Message, attachment.SocketPath, exception);
            }

            throw;
        }
    }

    // But for what can change while the disk is in use.
    private static bool IsSameDisk(DiskAttachment one, DiskAttachment other) => Core(one) == Core(other);

    private static DiskAttachment Core(DiskAttachment attachment) => attachment with { Standby = null, TlsListen = null, TlsCertificates = null, TlsPeer = null };

    private Task InTurnAsync(Func<Task> change) => InTurnAsync(async () =>
    {
        await change().ConfigureAwait(false);
        return true;
    });

    private async Task<T> InTurnAsync<T>(Func<Task<T>> change)
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            return await change().ConfigureAwait(false);
        }
        finally
        {
            _changing.Release();
        }
    }

    private static ILayer[] Foundation(DiskAttachment attachment, IDiskImage image) =>
        attachment.EmulateSectors && image.Geometry.LogicalSectorBytes > SectorLayer.OfferedBytes ? [new SectorLayer("sectors")] : [];

    private async Task SpliceAsync(OpenDisk disk, LayerSpecification specification)
    {
        var kind = catalog.Find(specification.Kind)
            ?? throw PlaneErrors.Invalid($"There is no kind of layer called '{specification.Kind}'; there are {string.Join(", ", catalog.Kinds)}.", specification.Name);
        try
        {
            var settings = new LayerSettings(specification.Settings);
            var layer = kind.Make(specification, settings);
            settings.RefuseUnknown();
            if (layer is TrackingLayer tracking)
            {
                if (IsStandby(disk))
                {
                    throw PlaneErrors.Busy($"The disk {disk.Attachment.Id} stands by and has no image yet whose changes could be tracked; put the image in place first.", specification.Name);
                }

                tracking.Open(disk.Stack.Geometry.SizeBytes, () => FingerprintOf(disk.Image));
            }

            // Position 0 is right above the plane's own layers, of which the meter is the highest.
            var first = disk.Stack.Layers.TakeWhile(other => !string.Equals(other.Name, OpenDisk.MeterName, StringComparison.Ordinal)).Count() + 1;
            await disk.Stack.InsertAsync(layer, specification.Position < 0 ? -1 : specification.Position + first).ConfigureAwait(false);
        }
        catch (FormatException exception)
        {
            throw PlaneErrors.Invalid($"The layer '{specification.Name}' cannot be made: {exception.Message}.", specification.Name, exception);
        }
        catch (ArgumentException exception)
        {
            throw PlaneErrors.Invalid(exception.Message, specification.Name, exception);
        }

        catch (Exception exception) when (exception is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw PlaneErrors.Failed($"The layer '{specification.Name}' cannot be opened: {exception.Message}", specification.Name, exception);
        }

        disk.Layers.Add(specification);
    }

    // The record goes first: a plane that is killed in between comes back without a disk that was asked to close.
    private async Task CloseAsync(OpenDisk disk)
    {
        if (disk.Copy is { } copy)
        {
            var status = copy.Status with { Phase = CopyPhase.Cancelled };
            await (copy.Kind == CopyKind.Mirror ? EndMirrorAsync(disk, copy, status) : EndMergeAsync(disk, copy, status)).ConfigureAwait(false);
        }

        Publish(Without(disk), _failed);
        CrashPoint.Hit("storage.disk.forgotten");
        try
        {
            await disk.DisposeAsync().ConfigureAwait(false);
        }
        catch (ImageException exception)
        {
            throw PlaneErrors.From(exception);
        }
    }

    private Dictionary<Guid, OpenDisk> With(OpenDisk disk) => new(_disks) { [disk.Attachment.Id] = disk };

    private Dictionary<Guid, OpenDisk> Without(OpenDisk disk)
    {
        var disks = new Dictionary<Guid, OpenDisk>(_disks);
        disks.Remove(disk.Attachment.Id);
        return disks;
    }

    private static Dictionary<Guid, (DiskRecord Record, ControlError Error)> Without(Dictionary<Guid, (DiskRecord Record, ControlError Error)> failed, Guid id)
    {
        var rest = new Dictionary<Guid, (DiskRecord Record, ControlError Error)>(failed);
        rest.Remove(id);
        return rest;
    }

    private void Publish(
        Dictionary<Guid, OpenDisk> disks, Dictionary<Guid, (DiskRecord Record, ControlError Error)> failed, HandedOverDisk? last = null)
    {
        IReadOnlyList<HandedOverDisk> handedOver =
        [
            .. _handedOver.Where(known => !disks.ContainsKey(known.Disk.Attachment.Id) && known.Disk.Attachment.Id != last?.Disk.Attachment.Id).TakeLast(RememberedHandOvers - 1),
            .. last is null ? Array.Empty<HandedOverDisk>() : [last],
        ];
        try
        {
            new StorageState(
                StorageState.CurrentVersion, [.. disks.Values.Select(disk => disk.Record), .. failed.Values.Select(entry => entry.Record)], ParentFolders.Folders, handedOver)
                .Save(statePath);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw PlaneErrors.Failed($"The state file '{statePath}' could not be written: {exception.Message}", statePath, exception);
        }

        (_disks, _failed, _handedOver) = (disks, failed, handedOver);
    }

    private void Report(LayerViolation violation)
    {
        Interlocked.Increment(ref _violations);
        LogViolation(_logger, violation.Cause, violation.Message);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The disk {Disk} could not be opened again: {Reason}")]
    private static partial void LogNotRestored(ILogger logger, Guid disk, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The image '{Path}' could not be closed cleanly: {Reason}")]
    private static partial void LogNotClosed(ILogger logger, string path, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Rule}")]
    private static partial void LogViolation(ILogger logger, Exception? cause, string rule);
}
