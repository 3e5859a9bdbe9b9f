using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Host.History;
using Vireo.Host.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Processes;
using Vireo.Platform.Testing;

namespace Vireo.Host.Metering;

/// <summary>
/// Meters machines: samples all that are metered every few seconds, and at once where counters are about to go. Whether a machine is metered
/// is part of its configuration; its figures are kept in a database. One sample is taken at a time, of all machines together.
/// </summary>
internal sealed partial class MeteringService : IMetering, IAsyncDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(10);
    private readonly MachineService _machines;
    private readonly IResourcePools _pools;
    private readonly IStorageControl _storage;
    private readonly ISwitchControl _switching;
    private readonly MeterDatabase _database;
    private readonly IHostSettings _settings;
    private readonly EventLog _events;
    private readonly TimeProvider _time;
    private readonly MachineSampler _sampler;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly Lock _asking = new();
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<string, Meter> _meters;
    private readonly ConcurrentDictionary<Guid, SourceBook> _books;
    private Task? _asked;
    private Task _running = Task.CompletedTask;
    private long _synced;
    private bool _isRefused;
    private string _trouble = "";

    /// <summary>Reads what was kept. Figures of machines that are not registered any more are thrown away.</summary>
    public MeteringService(
        MachineService machines, IResourcePools pools, Func<Guid, bool> isRegistered, IStorageControl storage, ISwitchControl switching, MeterDatabase database, IHostSettings settings,
        EventLog events, TimeProvider time)
    {
        _machines = machines;
        _pools = pools;
        _storage = storage;
        _switching = switching;
        _database = database;
        _settings = settings;
        _events = events;
        _time = time;
        if (database.Trouble is { } trouble)
        {
            events.Write("MeteringLost", trouble, null);
        }

        _sampler = new MachineSampler(storage, machines.StatusOf, machines.ProcessOf, time);
        _meters = new(database.LoadMeters().ToDictionary(static meter => meter.Subject, StringComparer.Ordinal), StringComparer.Ordinal);
        _books = new(database.LoadCounters());
        _synced = time.GetTimestamp();
        foreach (var machine in _books.Keys.Where(id => !isRegistered(id)).ToList())
        {
            Drop(machine);
        }

        foreach (var machine in machines.All.Where(static one => !one.ResourceMeteringEnabled))
        {
            // Metering was being switched on or off when the host died.
            DropMeter(machine.Id);
        }

        foreach (var subject in _meters.Keys.Where(subject => subject.StartsWith(PoolSubject, StringComparison.Ordinal) && !Metered().Any(pool => Subject(pool) == subject)).ToList())
        {
            DropSubject(subject);
        }
    }

    /// <summary>Begins to sample.</summary>
    public void Start() => _running = RunAsync();

    /// <inheritdoc/>
    public async Task EnableAsync(Guid machine, CancellationToken cancellation)
    {
        var configuration = Find(machine);
        if (!configuration.ResourceMeteringEnabled || !_meters.ContainsKey(Subject(machine)))
        {
            await ExclusiveAsync(
                async () =>
                {
                    if (!_meters.ContainsKey(Subject(machine)))
                    {
                        await SampleAsync(cancellation);
                        await BeginAsync(configuration, cancellation);
                    }
                },
                cancellation);
            CrashPoint.Hit("host.metering.begun");
        }

        try
        {
            // Not behind the gate: an operation on the machine may be waiting for a sample.
            await _machines.ChangeAsync(machine, static (before, _) => Enabled(before), cancellation);
        }
        catch when (!configuration.ResourceMeteringEnabled)
        {
            await ExclusiveAsync(() => DropMeter(machine), CancellationToken.None);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task DisableAsync(Guid machine, CancellationToken cancellation)
    {
        Find(machine);
        await _machines.ChangeAsync(machine, static (before, _) => before with { ResourceMeteringEnabled = false }, cancellation);
        CrashPoint.Hit("host.metering.disabled");
        await ExclusiveAsync(() => DropMeter(machine), cancellation);
    }

    /// <summary>What was counted of a machine until it was read last; null when it is not metered.</summary>
    public MeterFigures? Find(Guid machine, bool isMetered) => isMetered && _meters.TryGetValue(Subject(machine), out var meter) ? meter.Total : null;

    /// <summary>Goes on from what another host counted of a machine that came from there.</summary>
    public Task GoOnAsync(VirtualMachineConfiguration machine, MeterFigures figures, CancellationToken cancellation) => ExclusiveAsync(
        async () =>
        {
            if (!_meters.ContainsKey(Subject(machine.Id)))
            {
                await BeginAsync(machine, cancellation);
            }

            // What holds now is this host's; what was counted is the machine's.
            var meter = _meters[Subject(machine.Id)];
            figures.Hold = meter.Total.Hold;
            meter.Total = figures;
            Keep([meter], []);
        },
        cancellation);

    /// <inheritdoc/>
    public async Task ResetAsync(Guid machine, CancellationToken cancellation)
    {
        await ExclusiveAsync(
            async () =>
            {
                await SampleAsync(cancellation);
                var meter = Require(machine);
                meter.Total = MeterFigures.Begin(_time.GetUtcNow(), meter.Total.Hold!);
                Keep([meter], []);
            },
            cancellation);
    }

    /// <inheritdoc/>
    public async Task<MeterReport> MeasureAsync(Guid machine, CancellationToken cancellation)
    {
        MeterReport? report = null;
        await ExclusiveAsync(
            async () =>
            {
                await SampleAsync(cancellation);
                report = MeterReports.Of(Require(machine).Total);
            },
            cancellation);
        return report!;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<MeteredPeriod>> HistoryAsync(DateTimeOffset from, DateTimeOffset until, CancellationToken cancellation)
    {
        await ExclusiveAsync(() => SampleAsync(cancellation), cancellation);
        return
        [
            .. _database.Periods(from, until).Select(static period => new MeteredPeriod(
                period.Subject.StartsWith(PoolSubject, StringComparison.Ordinal) ? "ResourcePool" : "VirtualMachine",
                Guid.Parse(period.Subject[(period.Subject.IndexOf(' ', StringComparison.Ordinal) + 1)..]), period.Name, period.Ended, MeterReports.Of(period.Figures))),
        ];
    }

    /// <inheritdoc/>
    public Task EnablePoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation) => ExclusiveAsync(
        async () =>
        {
            await SampleAsync(cancellation);
            SetMetered(pool, true);
            if (_meters.TryAdd(Subject(pool), Open(Subject(pool), pool.Name, _time.GetUtcNow(), new MeterHold(Now(), false, 0, null))))
            {
                // Members that nobody has followed so far are from here on.
                await SampleAsync(cancellation);
            }
        },
        cancellation);

    /// <inheritdoc/>
    public Task DisablePoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation) => ExclusiveAsync(
        () =>
        {
            SetMetered(pool, false);
            DropSubject(Subject(pool));
        },
        cancellation);

    /// <inheritdoc/>
    public Task ResetPoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation) => ExclusiveAsync(
        async () =>
        {
            await SampleAsync(cancellation);
            var meter = Require(pool);
            meter.Total = MeterFigures.Begin(_time.GetUtcNow(), meter.Total.Hold!);
            Keep([meter], []);
        },
        cancellation);

    /// <inheritdoc/>
    public async Task<MeterReport> MeasurePoolAsync(ResourcePoolConfiguration pool, CancellationToken cancellation)
    {
        MeterReport? report = null;
        await ExclusiveAsync(
            async () =>
            {
                await SampleAsync(cancellation);
                report = MeterReports.Of(Require(pool).Total);
            },
            cancellation);
        return report!;
    }

    /// <summary>Samples before something of a machine ends that counts: a guest, a disk, a port. What cannot be read is left out.</summary>
    public Task TakeAsync(Guid machine)
    {
        if (!_books.ContainsKey(machine) || _end.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        lock (_asking)
        {
            // Whoever comes before the sample begins shares it.
            return _asked ??= TakeOnceAsync();
        }
    }

    /// <summary>The machine is gone, and so are its figures; their history stays.</summary>
    public Task ForgetAsync(Guid machine) => ExclusiveAsync(() => Drop(machine), CancellationToken.None);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_end.IsCancellationRequested)
        {
            return;
        }

        await _end.CancelAsync();
        await _running;
        await ExclusiveAsync(
            () =>
            {
                Store(_database.Sync);
                _database.Dispose();
            },
            CancellationToken.None);
        _end.Dispose();
    }

    private const string PoolSubject = "pool ";

    private static string Subject(Guid machine) => $"machine {machine:D}";

    private static string Subject(ResourcePoolConfiguration pool) => $"{PoolSubject}{pool.Id:D}";

    private IReadOnlyList<ResourcePoolConfiguration> Metered() => [.. _pools.All.Where(static pool => pool.ResourceMeteringEnabled)];

    private bool IsMember(VirtualMachineConfiguration machine, ResourcePoolConfiguration pool) =>
        PoolUse.Of(machine).Any(use => use.Type == pool.Type && _pools.Covers(pool, use.Name));

    private void SetMetered(ResourcePoolConfiguration pool, bool isMetered) => _pools.Change(
        pools => [.. pools.Select(one => one.Id == pool.Id ? one with { ResourceMeteringEnabled = isMetered } : one)]);

    private Meter Require(ResourcePoolConfiguration pool) => _meters.TryGetValue(Subject(pool), out var meter)
        ? meter
        : throw Errors.State($"The resource pool '{pool.Name}' of type {pool.Type} is not metered; 'Enable-VMResourceMetering -ResourcePoolName' begins it.", pool.Name);

    /// <summary>A machine that is metered; an adapter that has no meters gets those that count all of IP, as in Hyper-V.</summary>
    private static VirtualMachineConfiguration Enabled(VirtualMachineConfiguration machine) => machine with
    {
        ResourceMeteringEnabled = true,
        NetworkAdapters =
        [
            .. machine.NetworkAdapters.Select(static adapter => adapter.Policy.Acls.Any(static rule => rule.Action == "Meter") ? adapter : adapter with
            {
                Policy = adapter.Policy with { Acls = [.. adapter.Policy.Acls, .. s_defaultMeters] },
            }),
        ],
    };

    private static readonly IReadOnlyList<AdapterAclConfiguration> s_defaultMeters =
    [
        new("Meter", "Inbound", null, "0.0.0.0/0"), new("Meter", "Outbound", null, "0.0.0.0/0"),
        new("Meter", "Inbound", null, "::/0"), new("Meter", "Outbound", null, "::/0"),
    ];

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(s_period, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                await ExclusiveAsync(() => TrySampleAsync(_end.Token), _end.Token);
                if (_time.GetElapsedTime(_synced) >= _settings.Current.ResourceMeteringSaveInterval)
                {
                    _synced = _time.GetTimestamp();
                    Store(_database.Sync);
                }
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
            // The host ends; guests go on, and their counters are read when it is back.
        }
    }

    private async Task TakeOnceAsync()
    {
        await Task.Yield();
        await ExclusiveAsync(
            () =>
            {
                lock (_asking)
                {
                    _asked = null;
                }

                return TrySampleAsync(CancellationToken.None);
            },
            CancellationToken.None);
    }

    /// <summary>A sample that nobody asked for: what goes wrong is told, and must not stop what it comes along with.</summary>
    private async Task TrySampleAsync(CancellationToken cancellation)
    {
        try
        {
            await SampleAsync(cancellation);
            _trouble = "";
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            if (_trouble != error.Message)
            {
                _trouble = error.Message;
                _events.Write("MeteringFailed", $"Machines could not be metered just now: {error.Message} The next sample makes up for it.", null);
            }
        }
    }

    /// <summary>Brings the figures of everything that is metered up to now.</summary>
    private async Task SampleAsync(CancellationToken cancellation)
    {
        var pools = Metered();
        var tracked = _machines.All.Where(machine => machine.ResourceMeteringEnabled || _meters.ContainsKey(Subject(machine.Id)) || pools.Any(pool => IsMember(machine, pool))).ToList();
        foreach (var left in _books.Keys.Except(tracked.Select(static machine => machine.Id)).ToList())
        {
            // It has left the pools that are metered: what it does until it comes back is not theirs.
            DropBook(left);
        }

        if (tracked.Count == 0 && pools.Count == 0)
        {
            return;
        }

        var counters = await ReadPlanesAsync(tracked, cancellation);
        var now = Now();
        var samples = new List<MachineSample>();
        foreach (var machine in tracked)
        {
            if (!_books.TryGetValue(machine.Id, out var book))
            {
                book = _books[machine.Id] = new SourceBook();
                book.Begin(_sampler.Read(machine, counters));
            }

            if (_machines.Find(machine.Id) is null)
            {
                // Removed meanwhile.
                continue;
            }

            var sample = await _sampler.TakeAsync(machine, book, counters, cancellation);
            samples.Add(sample);
            if (machine.ResourceMeteringEnabled || _meters.ContainsKey(Subject(machine.Id)))
            {
                Advance(Subject(machine.Id), machine.Name, sample.Observe(now, ProcessorClock.Current));
            }
        }

        foreach (var pool in pools)
        {
            Advance(Subject(pool), pool.Name, PoolObservation.Of(pool.Type, samples, name => _pools.Covers(pool, name), now, ProcessorClock.Current));
        }

        Keep(_meters.Values, _books.Select(static pair => (pair.Key, pair.Value)));
    }

    private void Advance(string subject, string name, MeterObservation observation)
    {
        var time = _time.GetUtcNow();
        if (!_meters.TryGetValue(subject, out var meter))
        {
            // Metering was on where the machine comes from.
            _meters[subject] = Open(subject, name, time, observation.Hold);
            return;
        }

        if (Hour(time) != Hour(meter.Hour.Since))
        {
            meter.Hour = MeterFigures.Begin(time, meter.Hour.Hold!);
            meter.HourRow = _database.NextPeriod();
            Store(() => _database.Trim());
        }

        meter.Name = name;
        meter.Total.Advance(observation);
        meter.Hour.Advance(observation);
    }

    private static long Hour(DateTimeOffset time) => time.ToUnixTimeSeconds() / 3600;

    private Meter Open(string subject, string name, DateTimeOffset time, MeterHold hold) => new()
    {
        Subject = subject,
        Name = name,
        Total = MeterFigures.Begin(time, hold),
        Hour = MeterFigures.Begin(time, hold),
        HourRow = _database.NextPeriod(),
    };

    private async Task BeginAsync(VirtualMachineConfiguration machine, CancellationToken cancellation)
    {
        var counters = await ReadPlanesAsync([machine], cancellation);
        if (_sampler.IsRunning(machine) && (counters.Disks is null || counters.Ports is null))
        {
            throw new CommandException(
                "OperationFailed", ErrorCategory.NotSpecified,
                $"Metering of the virtual machine '{machine.Name}' cannot begin: the {(counters.Disks is null ? "storage" : "switch")} plane does not answer, which knows what the guest has used so far. Try again in a moment.",
                machine.Name);
        }

        if (!_books.ContainsKey(machine.Id))
        {
            var book = _books[machine.Id] = new SourceBook();
            book.Begin(_sampler.Read(machine, counters));
        }

        var sample = await _sampler.TakeAsync(machine, _books[machine.Id], counters, cancellation);
        var meter = Open(Subject(machine.Id), machine.Name, _time.GetUtcNow(), sample.Observe(Now(), ProcessorClock.Current).Hold);
        _meters[meter.Subject] = meter;
        Keep([meter], [(machine.Id, _books[machine.Id])]);
    }

    private Task<PlaneCounters> ReadPlanesAsync(IEnumerable<VirtualMachineConfiguration> machines, CancellationToken cancellation) =>
        // Ports and disks outlive their guest by a moment, in which they are read last: the books know who had some.
        machines.Any(machine => _sampler.IsRunning(machine) || (_books.TryGetValue(machine.Id, out var book) && book.Marks.Count > 0))
            ? PlaneCounters.ReadAsync(_storage, _switching, _time, cancellation)
            : Task.FromResult(PlaneCounters.None);

    private MeterInstant Now() => new(ProcessIdentity.CurrentBootId, (long)(_time.GetTimestamp() / (double)_time.TimestampFrequency * 1000));

    private VirtualMachineConfiguration Find(Guid machine) => _machines.Find(machine) ?? throw Errors.MachineGone(machine);

    private Meter Require(Guid machine) => Find(machine) is { ResourceMeteringEnabled: true } && _meters.TryGetValue(Subject(machine), out var meter)
        ? meter
        : throw Errors.State(
            $"The virtual machine '{Find(machine).Name}' is not metered; 'Enable-VMResourceMetering' begins it.", Find(machine).Name);

    private void Drop(Guid machine)
    {
        DropMeter(machine);
        DropBook(machine);
        _sampler.Forget(machine);
    }

    private void DropMeter(Guid machine)
    {
        // A pool may go on counting what the machine does.
        if (DropSubject(Subject(machine)) && !(_machines.Find(machine) is { } left && Metered().Any(pool => IsMember(left, pool))))
        {
            DropBook(machine);
        }
    }

    private void DropBook(Guid machine)
    {
        if (_books.TryRemove(machine, out _))
        {
            Store(() => _database.RemoveCounters(machine));
        }
    }

    private bool DropSubject(string subject)
    {
        if (!_meters.TryRemove(subject, out _))
        {
            return false;
        }

        Store(() => _database.Remove(subject));
        return true;
    }

    /// <summary>Stores figures; where the disk refuses, they stay in memory and the next sample tries again.</summary>
    private void Keep(IEnumerable<Meter> meters, IEnumerable<(Guid Machine, SourceBook Book)> books) => Store(() =>
    {
        _database.Save(meters, books, _time.GetUtcNow());
        _isRefused = false;
    });

    /// <summary>
    /// Writes; a disk that refuses neither ends the metering nor keeps the host from starting. What could not be removed is removed when the
    /// host starts again: it belongs to nothing that is metered.
    /// </summary>
    private void Store(Action write)
    {
        try
        {
            write();
        }
        catch (SqliteException refused) when (!_isRefused)
        {
            _isRefused = true;
            _events.Write("MeteringNotStored", $"The figures of metering cannot be stored: {refused.Message} They are kept in memory meanwhile.", null);
        }
        catch (SqliteException)
        {
            // Told already.
        }
    }

    private Task ExclusiveAsync(Action action, CancellationToken cancellation) => ExclusiveAsync(
        () =>
        {
            action();
            return Task.CompletedTask;
        },
        cancellation);

    private async Task ExclusiveAsync(Func<Task> action, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            await action();
        }
        finally
        {
            _gate.Release();
        }
    }
}
