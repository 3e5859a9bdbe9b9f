using System.Globalization;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.Machines;
using Vireo.Host.Mobility.Ownership;
using Vireo.Host.Mobility.Protocol;
using Vireo.Host.Peers;
using Vireo.Host.Switches;
using Vireo.Host.Transfers;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mobility.Departures;

/// <summary>
/// One machine on its way to another host. <see cref="MachineUnit"/> says when each step may be taken; what is decided about whose the machine is, is
/// written down here first.
/// </summary>
internal sealed class DepartingMachine : IAsyncDisposable
{
    private const int MostAttempts = 10;
    private static readonly TimeSpan s_betweenSigns = TimeSpan.FromSeconds(5);

    // Shorter than the other host waits for this one.
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_betweenAttempts = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan s_readyPatience = TimeSpan.FromSeconds(10);

    private readonly MoveRequest _request;
    private readonly MovePeer _peer;
    private readonly UnitServices _services;
    private readonly DepartureJournal _journal;
    private readonly AdapterMigration _adapters;
    private readonly Func<Guid, string?> _switchName;
    private readonly SessionCredentials _credentials;
    private readonly string _certificates;
    private readonly CancellationTokenSource _end = new();
    private readonly CancellationTokenSource _lost = new();
    private Task _signs = Task.CompletedTask;
    private DepartureRecord? _record;
    private MoveOffer _offer = null!;
    private MoveAnswer _answer = null!;
    private StorageMovePlan _plan = null!;
    private string? _mark;
    private bool _isMirroring;

    public DepartingMachine(
        Guid move, MoveRequest request, MovePeer peer, UnitServices services, DepartureJournal journal, AdapterMigration adapters, Func<Guid, string?> switchName, SessionCredentials credentials)
    {
        Move = move;
        (_request, _peer, _services, _journal, _adapters, _switchName, _credentials) = (request, peer, services, journal, adapters, switchName, credentials);
        _certificates = Path.Combine(services.Paths.Run, "moves", move.ToString("N"));
    }

    /// <summary>Of the attempt.</summary>
    public Guid Move { get; }

    /// <summary>The other host.</summary>
    public PeerHost Peer => _peer.Host;

    /// <summary>Bytes that are to be copied, about.</summary>
    private long Bytes => Math.Max(1, _plan.Images.Sum(image => image.FileBytes));

    /// <summary>Offers the machine; nothing is written or made when the other host cannot take it.</summary>
    public async Task OfferAsync(VirtualMachineConfiguration machine, bool isRunning, long memoryBytes, CancellationToken cancellation)
    {
        var chain = await ImageChains.CollectAsync(_services.Storage, MachinePaths.Disks(machine).Where(Path.IsPathRooted), cancellation);
        var leaves = isRunning ? machine.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }).Select(drive => drive.Path!).ToHashSet(StringComparer.Ordinal) : [];
        var images = new List<OfferedImage>();
        foreach (var image in chain)
        {
            images.Add(new OfferedImage(image, leaves.Contains(image.Path) ? await _services.Storage.InspectImageAsync(image.Path, cancellation) : null));
        }

        var open = isRunning ? (await _services.Storage.ListDisksAsync(cancellation)).Where(disk => machine.Drives.Any(drive => drive.Id == disk.Attachment.Id)) : [];
        _offer = new MoveOffer
        {
            Disks = [.. open.Select(disk => new OfferedDisk(disk.Attachment.Id, disk.SizeBytes, disk.LogicalSectorBytes, disk.PhysicalSectorBytes, disk.Trims))],
            Move = Move,
            Machine = Named(machine),
            Request = _request.Places,
            IncludesStorage = _request.IncludesStorage,
            IsRunning = isRunning,
            MemoryBytes = memoryBytes,
            Images = images,
            Files = [.. MachineFiles.Memory(machine).Concat(MachineFiles.Checkpoints(machine)).Concat(MachineFiles.Devices(machine)).Where(File.Exists)],
            Host = MoveHost.Describe(_services),
            Authority = _credentials.Authority,
            IsQuestion = _request.IsQuestion,
        };
        if (!_request.IncludesStorage && (_request.Places.DestinationPath ?? _request.Places.VirtualMachinePath) is null)
        {
            _mark = Path.Combine(Path.GetDirectoryName(MachineFiles.Configuration(machine))!, $".{Move:N}.shared");
            _offer = _offer with { SharedMark = _mark };
        }

        if (isRunning)
        {
            await _adapters.AskAsync(machine.NetworkAdapters, cancellation);
        }

        if (!_request.IsQuestion)
        {
            // Before anything is made there, so that a start of this host tells the other one that nothing comes of it.
            _record = _journal.Write(new DepartureRecord(Move, machine.Id, Peer.Id, Peer.Name) { Mark = _mark }.With(Departure.Begin(Move)));
            CrashPoint.Hit("host.departure.begun");
        }

        if (_mark is { } mark)
        {
            // Storage of both hosts is told by a file that only one of them has just made.
            await File.WriteAllBytesAsync(mark, [], cancellation);
        }

        _answer = await _peer.OfferAsync(_offer, cancellation);
        if (_request.IsQuestion)
        {
            return;
        }

        if (_answer.Problems.Count > 0)
        {
            throw NotPossible(machine.Name, _answer.Problems);
        }

        _plan = StorageMovePlan.Of(machine, chain, _answer.Request, isRunning, Move, toOtherHost: true);
        _record = _journal.Write(_record! with
        {
            Sources = _plan.Record with
            {
                IsCommitted = true,
                Images = [],
                Live = [],
                SourceImages = _request.Places.RetainSources ? [] : _plan.Record.SourceImages,
            },
        });
        _credentials.Write(_certificates, _answer.Authority, _services.Connector.SocketGroup);
        _signs = SignAsync();
        CrashPoint.Hit("host.departure.offered");
    }

    /// <summary>What hinders, after an offer that was a question.</summary>
    public IReadOnlyList<Incompatibility> Problems => _answer.Problems;

    /// <summary>Sends what nobody writes to.</summary>
    public async Task SendFilesAsync(Action<string, int> progress, CancellationToken cancellation)
    {
        var live = _plan.Record.Live.Select(one => one.Source).ToHashSet(StringComparer.Ordinal);
        var done = 0L;
        foreach (var (path, _) in _plan.Files.Where(pair => _offer.Files.Contains(pair.Source)))
        {
            progress($"Sending '{Path.GetFileName(path)}'", Percent(done));
            await _peer.SendFileAsync(path, static _ => { }, cancellation);
        }

        foreach (var image in _plan.Images.Where(image => !live.Contains(image.Path)))
        {
            var start = done;
            await _peer.SendFileAsync(image.Path, offset => progress($"Sending '{Path.GetFileName(image.Path)}'", Percent(start + Math.Min(offset, image.FileBytes))), cancellation);
            done += image.FileBytes;
            CrashPoint.Hit("host.departure.file");
        }
    }

    /// <summary>Has the disks opened there, and copies those that the guest writes to until each is the same as here, and stays so.</summary>
    public async Task MirrorAsync(Action<string, int> progress, CancellationToken cancellation)
    {
        var waiting = (await _peer.OpenDisksAsync(cancellation)).Disks.ToDictionary(disk => disk.DriveId, disk => disk.Address);
        var images = _plan.Images.ToDictionary(image => image.Path, StringComparer.Ordinal);
        var done = Bytes - _plan.Record.Live.Sum(live => images[live.Source].FileBytes);
        foreach (var live in _plan.Record.Live)
        {
            var image = images[live.Source];
            _isMirroring = true;
            await _services.Storage.StartMirrorAsync(
                live.DriveId,
                new StartMirror(Address(waiting, live.DriveId), Create: false, TargetIsZero: image.ParentPath is null, KeepsChain: image.ParentPath is not null),
                cancellation);
            CrashPoint.Hit("host.departure.mirroring");
            var start = done;
            await ReadyAsync(live, status => progress(
                $"Mirroring '{Path.GetFileName(live.Source)}'",
                Percent(start + (long)(image.FileBytes * (status.SizeBytes == 0 ? 1 : (double)status.DoneBytes / status.SizeBytes)))), cancellation);
            done += image.FileBytes;
        }
    }

    /// <summary>What the process here does, once a process there waits for its guest.</summary>
    /// <param name="machine">The machine that runs here.</param>
    /// <param name="configuration">Its configuration now; it does not change any more.</param>
    /// <param name="progress">Told how far its memory has come.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<MachineDeparture> ExpectAsync(IMachine machine, VirtualMachineConfiguration configuration, Action<string, int> progress, CancellationToken cancellation)
    {
        var state = await machine.DescribeStateAsync(cancellation);
        var settings = _request.Transfer.For(state.QemuVersion);
        var answer = await _peer.ExpectMemoryAsync(new MemoryRequest(state, settings, ""), cancellation);
        return new MachineDeparture
        {
            Address = new System.Net.IPEndPoint(_peer.Address, answer.Port).ToString(),
            Security = new TransferSecurity(_certificates, SessionCredentials.HostNameOf(Peer)),
            Settings = settings,
            Progress = status => progress(
                $"Moving memory, pass {status.Pass}: {status.TransferredBytes >> 20} MB sent, {status.RemainingBytes >> 20} MB to go, {status.BytesPerSecond >> 20} MB/s, {status.DirtyBytesPerSecond >> 20} MB/s change, {End(status)}",
                (int)Math.Clamp(100.0 * (status.TotalBytes - status.RemainingBytes) / Math.Max(1, status.TotalBytes), 0, 99)),
            Lost = _lost.Token,
            Still = StillAsync,
            HandOver = () => HandOverAsync(configuration, CancellationToken.None),
            GoingOn = async () =>
            {
                if (machine.Running is { } running)
                {
                    await _services.Connector.ReopenDrivesAsync(running, CancellationToken.None);
                }
            },
        };
    }

    /// <summary>
    /// Asks the other host to take the machine, and says whether it did. Written down before: from here on only that host knows whose it is.
    /// </summary>
    /// <exception cref="HandOverUnknownException">It cannot be asked now.</exception>
    public async Task<bool> HandOverAsync(VirtualMachineConfiguration machine, CancellationToken cancellation)
    {
        var extensions = _offer.IsRunning ? await _adapters.SaveAsync(machine.NetworkAdapters, cancellation) : [];
        cancellation.ThrowIfCancellationRequested();
        if (_offer.IsRunning)
        {
            await RequireReadyAsync();
        }

        _record = _journal.Write(_record!.With(_record.Departure().Ask(_answer.Arrival)) with { Machine = machine });
        try
        {
            return await AskAsync(machine, extensions);
        }
        catch (Exception unforeseen) when (unforeseen is not HandOverUnknownException)
        {
            // Whatever it is: a guest that may run there must not go on here.
            throw new HandOverUnknownException(unforeseen.Message, unforeseen);
        }
    }

    /// <summary>What is written down of it; null when nothing is any more.</summary>
    public DepartureRecord? Record => _record;

    /// <summary>Why the other host did not take it.</summary>
    public string? Reason { get; private set; }

    /// <summary>The move came to nothing: the other host is told, and what was begun here ends. Who has the machine is known.</summary>
    public async Task GiveUpAsync()
    {
        if (_isMirroring)
        {
            foreach (var live in _plan.Record.Live)
            {
                try
                {
                    await _services.Storage.CancelCopyAsync(live.DriveId, CopyKind.Mirror, CancellationToken.None);
                }
                catch (ControlException)
                {
                    // The disk is closed, and its mirror with it; a plane that is not there has none, and begins none when it comes back.
                }
            }
        }

        if (_record is { Phase: DeparturePhase.Preparing })
        {
            _journal.End(_record.MachineId);
            _record = null;
        }

        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10), _services.Time);
            await _peer.ResolveAsync(patience.Token);
        }
        catch (Exception unheard) when (unheard is CommandException or OperationCanceledException)
        {
            // It notices by itself that nobody comes.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _signs;
        if (_mark is { } mark)
        {
            File.Delete(mark);
        }

        SessionCredentials.Delete(_certificates);
        _credentials.Dispose();
        _peer.Dispose();
        _end.Dispose();
        _lost.Dispose();
    }

    // A host that falls silent before it has everything is not asked: nothing is in doubt then, and the guest goes on here.
    private async Task RequireReadyAsync()
    {
        using var patience = new CancellationTokenSource(s_readyPatience, _services.Time);
        try
        {
            await _peer.ReadyAsync(patience.Token);
        }
        catch (OperationCanceledException silent) when (patience.IsCancellationRequested)
        {
            throw new CommandException(
                "PeerConnectionLost", ErrorCategory.ConnectionError, $"The host '{Peer.Name}' fell silent before it had all of the virtual machine's memory; the machine goes on here.", Peer.Name, silent);
        }
    }

    private async Task<bool> AskAsync(VirtualMachineConfiguration machine, IReadOnlyList<AdapterExtensionState> extensions)
    {
        CrashPoint.Hit("host.departure.asking");
        TakeAnswer? answer = null;
        try
        {
            answer = await _peer.TakeAsync(new TakeRequest(_answer.Arrival, Named(machine), extensions, _services.MeterOf(machine)), CancellationToken.None);
        }
        catch (CommandException)
        {
            // It refused, or whether it was heard is not known: either way it is asked what became of it, and what did not becomes nothing any more.
        }

        CrashPoint.Hit("host.departure.asked");
        for (var attempt = 1; answer is null; attempt++)
        {
            try
            {
                answer = await _peer.ResolveAsync(CancellationToken.None);
            }
            catch (CommandException) when (attempt < MostAttempts)
            {
                await Task.Delay(s_betweenAttempts, _services.Time, CancellationToken.None);
            }
        }

        Reason = answer.Reason;
        if (_record!.Departure().Answered(answer.Taken) is { } released)
        {
            _record = _journal.Write(_record.With(released));
            CrashPoint.Hit("host.departure.released");
            return true;
        }

        _journal.End(machine.Id);
        _record = null;
        return false;
    }

    /// <summary>The error of a machine that the other host cannot take.</summary>
    private CommandException NotPossible(string name, IReadOnlyList<Incompatibility> problems) => new(
        "IncompatibleMachine", ErrorCategory.InvalidOperation,
        $"The virtual machine '{name}' cannot be moved to the host '{Peer.Name}': {string.Join(" ", problems.Select(problem => problem.Message))}", name);

    // The guest stands still: what it has written is on both sides, and from here on nobody writes here.
    private async Task StillAsync(CancellationToken cancellation)
    {
        var live = _plan.Record.Live.Select(one => one.DriveId).ToHashSet();
        await _services.ReadCounters(_offer.Machine.Id);
        foreach (var drive in _offer.Machine.Drives.Where(drive => drive is { Kind: DriveKind.HardDisk, Path: not null }))
        {
            cancellation.ThrowIfCancellationRequested();
            if (live.Contains(drive.Id))
            {
                await _services.Storage.CompleteMirrorAsync(drive.Id, MirrorEnd.Close, cancellation);
            }
            else
            {
                await _services.Storage.CloseDiskAsync(drive.Id, cancellation);
            }

            CrashPoint.Hit("host.departure.closed");
        }
    }

    private Task ReadyAsync(LiveImageMove live, Action<CopyStatus> told, CancellationToken cancellation) => MirrorWait.ReadyAsync(
        async () =>
        {
            var status = await _services.Storage.GetCopyAsync(live.DriveId, CopyKind.Mirror, cancellation);
            return status.Phase is CopyPhase.Copying or CopyPhase.Ready ? status : throw MirrorWait.Failed(
                status, $"The disk '{live.Source}' could not be copied to the host '{Peer.Name}': {status.Failure ?? "its copy was ended"}.", live.Source);
        },
        told, _services.Time, cancellation);

    private string Address(Dictionary<Guid, string> waiting, Guid drive)
    {
        if (!waiting.TryGetValue(drive, out var text) || !System.Net.IPEndPoint.TryParse(text, out var place))
        {
            throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The host '{Peer.Name}' does not say where it takes a disk.", Peer.Name);
        }

        var there = new System.Net.IPEndPoint(_peer.Address, place.Port);
        return $"nbds://{there}/?tls-certificates={Uri.EscapeDataString(_certificates)}&tls-hostname={SessionCredentials.HostNameOf(Peer)}";
    }

    private VirtualMachineConfiguration Named(VirtualMachineConfiguration machine)
    {
        return Adapters(machine) with { Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one with { Machine = Adapters(one.Machine) })] } };

        VirtualMachineConfiguration Adapters(VirtualMachineConfiguration one) => one with
        {
            NetworkAdapters = [.. one.NetworkAdapters.Select(adapter => adapter.SwitchId is { } id ? adapter with { SwitchName = _switchName(id) } : adapter)],
        };
    }

    private static string End(TransferStatus status) => status.TimeLeft is { } left ? string.Create(CultureInfo.InvariantCulture, $"about {Math.Ceiling(left.TotalSeconds):0} s left") : "no end in sight yet";

    private int Percent(long done) => (int)Math.Clamp(100.0 * done / Bytes, 0, 99);

    private async Task SignAsync()
    {
        using var timer = new PeriodicTimer(s_betweenSigns, _services.Time);
        var heard = _services.Time.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
                patience.CancelAfter(s_betweenSigns);
                try
                {
                    await _peer.AliveAsync(patience.Token);
                    heard = _services.Time.GetTimestamp();
                }
                catch (Exception silent) when (silent is CommandException || (silent is OperationCanceledException && !_end.IsCancellationRequested))
                {
                    if (_services.Time.GetElapsedTime(heard) > s_silence)
                    {
                        await _lost.CancelAsync();
                    }
                }
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // The move is over.
        }
    }
}
