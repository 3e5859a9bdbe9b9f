using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Machines;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Mobility.Ownership;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Peers;
using Vireo.Host.Store;
using Vireo.Host.Switches;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mobility.Arrivals;

/// <summary>
/// One machine on its way to this host. What is made for it is undone by <see cref="GiveUpAsync"/>, or by the next start, until
/// <see cref="TakeAsync"/> registers it: from that moment on it is this host's. Steps come one at a time.
/// </summary>
internal sealed class ArrivingMachine
{
    private static readonly TimeSpan s_statePatience = TimeSpan.FromSeconds(30);

    private readonly MachineService _machines;
    private readonly ArrivalJournal _journal;
    private readonly AdapterMigration _adapters;
    private readonly SessionCredentials _credentials;
    private readonly string _certificates;
    private readonly Func<VirtualMachineConfiguration, VirtualMachineConfiguration> _place;
    private readonly Func<ArrivalRecord, Task> _goOn;
    private readonly SemaphoreSlim _step = new(1);
    private readonly CancellationTokenSource _end = new();

    // Only for a process that is not to run: a step that is given up must not end one whose machine has just become this host's.
    private readonly CancellationTokenSource _startEnd = new();
    private readonly TaskCompletionSource _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _registered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<Guid> _standby = [];
    private readonly List<FileToReceive> _files;
    private MachineImport? _import;
    private ArrivalRecord? _record;
    private IReadOnlyList<DriveConnection> _drives = [];
    private IMachine? _machine;
    private MemoryReservation? _memory;
    private Task _starting = Task.CompletedTask;
    private bool _hasPorts;
    private bool _isOver;
    private long _heard;

    /// <summary>Nothing is made before <see cref="Begin"/>.</summary>
    /// <param name="offer">What was offered.</param>
    /// <param name="peer">Who offered it.</param>
    /// <param name="plan">Where its files go.</param>
    /// <param name="place">The machine as it is to be here, from what it is there.</param>
    /// <param name="goOn">Goes on counting where the other host ended.</param>
    /// <param name="machines">Machines of this host.</param>
    /// <param name="journal">Arrivals.</param>
    /// <param name="adapters">What extensions of switches bring.</param>
    /// <param name="credentials">This host's for the move.</param>
    public ArrivingMachine(
        MoveOffer offer, PeerHost peer, StorageMovePlan plan, Func<VirtualMachineConfiguration, VirtualMachineConfiguration> place, Func<ArrivalRecord, Task> goOn, MachineService machines,
        ArrivalJournal journal,
        AdapterMigration adapters, SessionCredentials credentials)
    {
        (Offer, Peer, Plan, Machine) = (offer, peer, plan, place(offer.Machine));
        (_place, _goOn, _machines, _journal, _adapters, _credentials) = (place, goOn, machines, journal, adapters, credentials);
        _certificates = Path.Combine(Services.Paths.Run, "moves", offer.Move.ToString("N"));
        var targets = plan.Record.Images.ToDictionary(image => image.Source, image => image.Target, StringComparer.Ordinal);
        var live = plan.Record.Live.Select(one => one.Source).ToHashSet(StringComparer.Ordinal);
        _files =
        [
            .. plan.Files.Where(pair => offer.Files.Contains(pair.Source)).Select(pair => new FileToReceive(pair.Source, pair.Target, null, IsImage: false)),
            .. plan.Images.Where(image => !live.Contains(image.Path)).Select(image => new FileToReceive(
                image.Path, targets[image.Path], image.ParentPath is { } parent ? targets.GetValueOrDefault(parent, parent) : null, IsImage: true)),
        ];
        Hear();
    }

    /// <summary>What was offered.</summary>
    public MoveOffer Offer { get; }

    /// <summary>Who offered it.</summary>
    public PeerHost Peer { get; }

    /// <summary>Where its files go.</summary>
    public StorageMovePlan Plan { get; }

    /// <summary>The machine as it is to be here.</summary>
    public VirtualMachineConfiguration Machine { get; private set; }

    /// <summary>This host's own name for the attempt.</summary>
    public Guid Id => _record!.Id;

    /// <summary>When the other host was heard last, on the clock of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long Heard => Volatile.Read(ref _heard);

    /// <summary>Why the last file was not taken; null when it was.</summary>
    public PeerError? Trouble { get; set; }

    private UnitServices Services => _machines.Services;

    private string Name => Machine.Name;

    /// <summary>The other host was heard.</summary>
    public void Hear() => Volatile.Write(ref _heard, Services.Time.GetTimestamp());

    /// <summary>Writes the arrival down; nothing is made before.</summary>
    public void Begin()
    {
        var isConfigurationShared = Plan.Record.Path == Offer.Machine.Path && !Plan.Record.SourceFiles.Contains(MachineFiles.Configuration(Offer.Machine));
        _import = _machines.Store.BeginImport(Machine, isConfigurationShared);
        var arrival = Arrival.Prepare(Offer.Move, _import.Journal.Id);
        _record = _journal.Write(new ArrivalRecord(arrival.Move, arrival.Id, Machine.Id, Peer.Id));
        CrashPoint.Hit("host.arrival.begun");
        _credentials.Write(_certificates, Offer.Authority, Services.Connector.SocketGroup);
    }

    /// <summary>Takes a file that nobody writes to any more.</summary>
    /// <param name="source">Its name at the other host.</param>
    /// <param name="content">What is sent, see <see cref="SparseStream"/>.</param>
    /// <param name="cancellation">The other host went away.</param>
    public Task ReceiveAsync(string source, Stream content, CancellationToken cancellation) => StepAsync(async () =>
    {
        var file = _files.FirstOrDefault(one => one.Source == source) ?? throw Errors.Invalid($"The file '{source}' is none that '{Name}' is to bring, or has come already.", source);
        var partial = _import!.Journal.Making(file.Target);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _end.Token);
        await SparseStream.ReceiveAsync(content, partial, Hear, stop.Token);
        if (file.IsImage && file.Parent is { } parent)
        {
            await Services.Storage.WorkOnImageAsync(new ImageWork(ImageOperation.SetParent, partial, OtherPath: parent, IgnoreIdMismatch: true), null, stop.Token);
        }

        _import.Journal.Made(file.Target, partial);
        _files.Remove(file);
        CrashPoint.Hit("host.arrival.file");
    });

    /// <summary>
    /// Makes empty images for those that the guest writes to, and opens every disk of the machine: those that come wait for the other host's mirror, those
    /// on storage of both hosts stand by until that host has closed them.
    /// </summary>
    /// <param name="address">Address of this host that the other one speaks to.</param>
    public Task<DisksAnswer> OpenDisksAsync(System.Net.IPAddress address) => StepAsync(async () =>
    {
        var targets = Plan.Record.Images.ToDictionary(image => image.Source, image => image.Target, StringComparer.Ordinal);
        foreach (var live in Plan.Record.Live)
        {
            var offered = Offer.Images.First(image => image.Chain.Path == live.Source);
            var parent = offered.Chain.ParentPath is { } path ? targets.GetValueOrDefault(path, path) : null;
            var partial = _import!.Journal.Making(live.Target);
            await Services.Storage.CreateImageAsync(ImageTwin.Of(offered.Info!, partial, parent, hasIdentity: true), CancellationToken.None);
            _import.Journal.Made(live.Target, partial);
        }

        var listening = new List<WaitingDisk>();
        _drives = await Services.Connector.OpenDrivesAsync(Machine, How, Opened, _end.Token);
        CrashPoint.Hit("host.arrival.disks");
        return new DisksAnswer(listening);

        DiskAttachment How(DriveConfiguration drive, DiskAttachment attachment)
        {
            if (drive.Kind != DriveKind.HardDisk)
            {
                return attachment;
            }

            if (Plan.Record.Live.Any(live => live.DriveId == drive.Id))
            {
                return attachment with { TlsListen = new System.Net.IPEndPoint(address, 0).ToString(), TlsCertificates = _certificates, TlsPeer = SessionCredentials.HostNameOf(Peer) };
            }

            // The other host writes to it until it lets go of the machine: not even a look at the file is right before.
            var disk = Offer.Disks.FirstOrDefault(disk => disk.DriveId == drive.Id) ?? throw Errors.Invalid($"The disk '{drive.Path}' of '{Name}' was not described.", drive.Path);
            _standby.Add(drive.Id);
            return attachment with { Standby = new DiskStandby(disk.SizeBytes, disk.LogicalSectorBytes, disk.PhysicalSectorBytes, disk.Trims) };
        }

        void Opened(DriveConfiguration drive, DiskStatus status)
        {
            if (status.TlsAddress is { } place)
            {
                listening.Add(new WaitingDisk(drive.Id, place));
            }
        }
    });

    /// <summary>Starts a process that waits for the guest.</summary>
    /// <returns>Where.</returns>
    public Task<MemoryAnswer> ExpectMemoryAsync(MemoryRequest request) => StepAsync(async () =>
    {
        if (_machine is not null || _drives.Count < Machine.Drives.Count(drive => drive.Path is not null))
        {
            throw Errors.State($"The virtual machine '{Name}' cannot come yet: its disks are not open.", Name);
        }

        _memory = await Services.Memory.ReserveAsync(Machine, Offer.MemoryBytes, _end.Token);
        _hasPorts = true;
        var adapters = await Services.Connector.ConnectAdaptersAsync(Machine, _end.Token);
        _machine = await _machines.Driver.OpenAsync(Machine.Id, Services.Paths.MachineRun(Machine.Id), hasSavedState: false, _end.Token);
        var listening = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        _starting = _machine.StartAsync(
            new MachineStart
            {
                Configuration = Machine with { Checkpoints = new() },
                Plan = RuntimePlans.Of(Machine, _drives, adapters, Services),
                Arrival = new MachineArrival
                {
                    State = request.State,
                    Address = request.Address,
                    Security = new TransferSecurity(_certificates, null),
                    Settings = request.Settings,
                    Listening = port => listening.TrySetResult(port),
                },
                BeforeRun = async stop =>
                {
                    _received.TrySetResult();
                    await _registered.Task.WaitAsync(stop);
                },
            },
            _startEnd.Token);
        var first = await Task.WhenAny(listening.Task, _starting);
        await first;
        CrashPoint.Hit("host.arrival.memory");
        return new MemoryAnswer(await listening.Task);
    });

    /// <summary>Returns when all of the guest is here, and only its disks are not yet.</summary>
    /// <exception cref="CommandException">It did not come.</exception>
    public async Task ReceivedAsync()
    {
        Hear();
        try
        {
            await await Task.WhenAny(_received.Task, _starting).WaitAsync(s_statePatience, Services.Time);
        }
        catch (Exception failed) when (failed is TimeoutException or MachineException or OperationCanceledException)
        {
            throw Errors.State($"The virtual machine '{Name}' cannot be taken: its memory has not come ({failed.Message})", Name);
        }

        if (!_received.Task.IsCompleted)
        {
            throw Errors.State($"The virtual machine '{Name}' cannot be taken: its memory has not come.", Name);
        }
    }

    /// <summary>
    /// The other host lets go of the machine. With the registration, one write, it is this host's; what fails before leaves it the other's.
    /// </summary>
    public async Task<TakeAnswer> TakeAsync(TakeRequest request)
    {
        await _step.WaitAsync();
        try
        {
            // The rules say whether this request may take anything at all.
            var known = ArrivalJournal.Of(_journal.Find(Offer.Move), _machines.Store.IsRegisteredBy);
            var (after, taken) = Arrival.Take(known, Offer.Move, request.Arrival);
            if (!taken || _isOver)
            {
                return new(known is { IsTaken: true } && taken, taken ? null : "this host has given the move up");
            }

            if (known!.IsTaken)
            {
                return new(true);
            }

            Invariant(after);
            try
            {
                await ReadyAsync(request);
                if (request.Meter is not null)
                {
                    _record = _journal.Write(_record! with { Meter = request.Meter });
                }

                _import!.Commit(Machine);
            }
            catch (Exception failed)
            {
                if (!_machines.Store.IsRegisteredBy(Machine.Id, Id))
                {
                    await EndAsync(failed.Message);
                    return new(false, failed.Message);
                }

                // Written all the same: it counts.
            }

            CrashPoint.Hit("host.arrival.registered");
            await SettleAsync();
            return new(true);
        }
        finally
        {
            _step.Release();
        }
    }

    /// <summary>The machine does not come: everything that was made for it goes.</summary>
    public async Task GiveUpAsync(string reason)
    {
        // What is under way ends first.
        await _end.CancelAsync();
        await _step.WaitAsync();
        try
        {
            if (!_isOver)
            {
                await EndAsync(reason);
            }
        }
        finally
        {
            _step.Release();
        }
    }

    private static void Invariant(Arrival? after) => Platform.Invariant.Check(after is { IsTaken: true });

    // All is here, and the machine is as it was at last.
    private async Task ReadyAsync(TakeRequest request)
    {
        if (_files.Count > 0)
        {
            throw Errors.State($"The virtual machine '{Name}' cannot be taken: '{_files[0].Source}' has not come.", Name);
        }

        Machine = _place(request.Machine);
        if (!Offer.IsRunning)
        {
            return;
        }

        await ReceivedAsync();

        // The other host has closed them: from here on nobody else writes to them.
        await Services.Connector.OpenDrivesAsync(Machine, _end.Token);
        await _adapters.RestoreAsync(Machine.NetworkAdapters, request.Extensions, _end.Token);
        CrashPoint.Hit("host.arrival.ready");
    }

    // It is this host's; nothing that fails from here on changes that.
    private async Task SettleAsync()
    {
        _isOver = true;
        _registered.TrySetResult();
        try
        {
            Note();
            _import!.End();
            if (Offer.IsRunning)
            {
                await _starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await _machines.AdoptAsync(Machine, _machine!);
            }
            else
            {
                await _machines.AdoptAsync(Machine);
            }

            await _goOn(_record!);
            Services.Events.Write("MachineCame", $"The virtual machine '{Name}' came from the host '{Peer.Name}'.", Machine.Id);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or CommandException)
        {
            // The next start of the host finds the registration and does the rest.
            Services.Events.Write("MachineUnsettled", $"The virtual machine '{Name}' came from '{Peer.Name}'; what is left to do is done by the next start of the host: {failed.Message}", Machine.Id);
        }
        finally
        {
            _memory?.Dispose();
            Clean();
        }
    }

    // Only for the time when the machine is gone from here again: until then its registration says the same.
    private void Note()
    {
        try
        {
            _record = _journal.Write(_record! with { IsTaken = true });
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            Services.Events.Write("MachineUnsettled", $"That the virtual machine '{Name}' came from '{Peer.Name}' could not be written down beside its registration: {failed.Message}", Machine.Id);
        }
    }

    private async Task EndAsync(string reason)
    {
        _isOver = true;
        await _startEnd.CancelAsync();
        await _starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            if (_machine is { } machine)
            {
                if (machine.Status.ProcessId is not null)
                {
                    await machine.TurnOffAsync(CancellationToken.None);
                }

                await machine.DisposeAsync();
            }

            if (_drives.Count > 0 || _hasPorts || _standby.Count > 0 || Plan.Record.Live.Count > 0)
            {
                await Services.Connector.CloseAsync(Machine, CancellationToken.None);
            }
        }
        catch (Exception failed) when (failed is ControlException or MachineException)
        {
            // Disks and ports that no machine has are closed by the next start; files that are open are deleted all the same.
            Services.Events.Write("MoveLeftover", $"What was open for '{Name}', which did not come, could not be closed: {failed.Message}", Machine.Id);
        }

        _memory?.Dispose();
        try
        {
            _import?.GiveUp();
            if (_record is not null)
            {
                _journal.End(Offer.Move);
            }
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or StateFileException)
        {
            Services.Events.Write("MoveLeftover", $"What was made for '{Name}', which did not come, is deleted by the next start of the host: {failed.Message}", Machine.Id);
        }

        Clean();
        Services.Events.Write("MachineDidNotCome", $"The virtual machine '{Name}' did not come from '{Peer.Name}': {reason}", Machine.Id);
    }

    private void Clean()
    {
        try
        {
            SessionCredentials.Delete(_certificates);
        }
        catch (IOException)
        {
            // They are of no use to anybody any more, and in a folder that a start of the computer empties.
        }

        _credentials.Dispose();
    }

    private Task StepAsync(Func<Task> action) => StepAsync(async () =>
    {
        await action();
        return true;
    });

    private async Task<T> StepAsync<T>(Func<Task<T>> action)
    {
        await _step.WaitAsync();
        try
        {
            Hear();
            if (_isOver)
            {
                throw Errors.State($"The move of the virtual machine '{Name}' is over.", Name);
            }

            return await action();
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            throw Errors.State($"The move of the virtual machine '{Name}' was given up.", Name);
        }
        finally
        {
            _step.Release();
        }
    }

    private sealed record FileToReceive(string Source, string Target, string? Parent, bool IsImage);
}
