using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.HyperV.PowerShell;
using Vireo.Commands;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Host.Access;
using Vireo.Host.Api;
using Vireo.Host.Groups;
using Vireo.Host.History;
using Vireo.Host.Images;
using Vireo.Host.Machines;
using Vireo.Host.Machines.Processors;
using Vireo.Host.Metering;
using Vireo.Host.Mobility;
using Vireo.Host.Mobility.Arrivals;
using Vireo.Host.Mobility.Departures;
using Vireo.Host.Mounts;
using Vireo.Host.Peers;
using Vireo.Host.Planes;
using Vireo.Host.Pools;
using Vireo.Host.Settings;
using Vireo.Host.Store;
using Vireo.Host.Switches;
using Vireo.Host.Transfers;
using Vireo.Machines;
using Vireo.Machines.Running;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;

namespace Vireo.Host;

/// <summary>Puts the host plane together, by hand and in order: state, planes, machines, API.</summary>
internal sealed partial class HostAssembly : IAsyncDisposable
{
    private static readonly TimeSpan s_planePatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);
    private readonly WebApplication _application;
    private readonly HostPaths _paths;
    private readonly HostState _state = new();
    private readonly MachineService _machines;
    private readonly SwitchService _switches;
    private readonly MountService _mounts;
    private readonly EventLog _events;
    private readonly ILogger _log;
    private readonly Accounts _accounts;
    private readonly AutomaticActions _actions;
    private readonly ExtensionEventFollower _extensionEvents;
    private readonly StalledDiskFollower _stalledDisks;
    private readonly MeteringService _metering;
    private readonly ArrivalService _arrivals;
    private readonly DepartureService _departures;
    private readonly PeerRoom _peers;
    private Task _starting = Task.CompletedTask;

    private HostAssembly(
        WebApplication application, HostPaths paths, MachineService machines, SwitchService switches, MountService mounts, EventLog events, Accounts accounts,
        AutomaticActions actions, MeteringService metering, ExtensionEventFollower extensionEvents, PeerRoom peers, ArrivalService arrivals, DepartureService departures)
    {
        _peers = peers;
        _arrivals = arrivals;
        _departures = departures;
        _extensionEvents = extensionEvents;
        _stalledDisks = new StalledDiskFollower(new StorageControlClient(paths.StorageSocket), machines, TimeProvider.System);
        _metering = metering;
        _mounts = mounts;
        _actions = actions;
        _application = application;
        _paths = paths;
        _machines = machines;
        _switches = switches;
        _events = events;
        _accounts = accounts;
        _log = application.Services.GetRequiredService<ILogger<HostAssembly>>();
    }

    /// <summary>Reads the state and finds running machines; the API does not listen yet.</summary>
    public static async Task<HostAssembly> CreateAsync(HostPaths paths)
    {
        var time = TimeProvider.System;
        var accounts = new Accounts();
        var access = new PeerAccess(accounts);

        // Empty: the others read settings from the working folder, and watch all that is below it, which may be on a disk that waits.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-dd HH:mm:ss.fff ";
        });
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        File.Delete(paths.HostSocket);
        File.Delete(paths.ConsoleSocket);
        AtomicFile.SweepFolder(Path.GetDirectoryName(paths.MachineRun(Guid.Empty))!);
        foreach (var file in new[] { "host.json", "accelerator.json", "running.json" })
        {
            AtomicFile.Sweep(Path.Combine(paths.State, file));
        }

        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(paths.HostSocket);
            kestrel.ListenUnixSocket(paths.ConsoleSocket);
            kestrel.AddServerHeader = false;
        });
        builder.Services.AddSingleton(time);

        var user = Privileges.FindUser();
        var driver = new MachineDriver(new MachineDriverOptions { StateFolder = paths.State, User = user }, time);
        var accelerator = (await driver.GetAcceleratorAsync()).Kind;
        var settings = new HostSettingsService(paths.State, accelerator.ToString().ToLowerInvariant(), new Random());
        var patience = new PlanePatience(time, s_planePatience);
        var storage = new RetryingStorageControl(new StorageControlClient(paths.StorageSocket), patience);
        var switching = new RetryingSwitchControl(new SwitchControlClient(paths.SwitchSocket), patience);
        var database = new HistoryDatabase(Path.Combine(paths.State, "history.db"));
        builder.Services.AddSingleton(database);
        builder.Services.AddSingleton<EventLog>();
        builder.Services.AddSingleton<IHostSettings>(settings);
        builder.Services.AddSingleton<IImages>(new ImageService(storage));
        builder.Services.AddSingleton<IHostDisks>(new HostDisks());
        builder.Services.AddSingleton<IGuardian>(new Guardian(paths.State));
        MachineService? machines = null;
        SwitchService? switches = null;
        MountService? mounts = null;
        builder.Services.AddSingleton<IMachines>(_ => machines!);
        builder.Services.AddSingleton<ICheckpoints>(_ => machines!);
        builder.Services.AddSingleton<IGuestFiles>(_ => machines!);
        builder.Services.AddSingleton<ISwitches>(_ => switches!);
        builder.Services.AddSingleton<IMounts>(_ => mounts!);
        MeteringService? metering = null;
        builder.Services.AddSingleton<IMetering>(_ => metering!);
        IExports? exports = null;
        IImports? imports = null;
        builder.Services.AddSingleton<IExports>(_ => exports!);
        builder.Services.AddSingleton<IImports>(_ => imports!);
        IStorageMoves? moves = null;
        builder.Services.AddSingleton<IStorageMoves>(_ => moves!);
        builder.Services.AddSingleton<IHostNuma>(_ => new HostNumaService(() => machines!.Processes(), time));
        builder.Services.AddSingleton<IMachineGroups>(new GroupService(paths.State));
        builder.Services.AddSingleton<IUsers>(accounts);
        PoolService? pools = null;
        builder.Services.AddSingleton<IResourcePools>(_ => pools!);
        PeerRoom? peers = null;
        IMachineMoves? departing = null;
        builder.Services.AddSingleton<IMachineMoves>(_ => departing!);
        builder.Services.AddSingleton<IMigrationListener>(_ => peers!.Endpoint);

        var application = builder.Build();
        var events = application.Services.GetRequiredService<EventLog>();
        if (database.Trouble is { } trouble)
        {
            events.Write("HistoryLost", trouble, null);
        }

        var jobs = new JobLog(database, time, application.Services.GetRequiredService<ILogger<JobLog>>());
        var connector = new DeviceConnector(
            storage, switching, paths, user is null ? null : Privileges.FindIds(user)?.GroupId, DiskTransports.Choose(accelerator, Environment.GetEnvironmentVariable(DiskTransports.Variable)));
        var running = new RunningMachines(Path.Combine(paths.State, "running.json"), ProcessIdentity.CurrentBootId);
        var planned = new PlannedMachines(paths.State);
        var store = new MachineStore(paths.State);
        var moving = new StorageMoveJournal(paths.State);
        moving.Load(reason => events.Write("StorageMoveLeftover", reason, null));
        var unitServices = new UnitServices(paths, connector, null!, events, time, accelerator, user, null!, running, storage)
        {
            Moves = moving,
            SwitchExists = id => switches?.Find(id) is not null,
            RequirePools = machine => PoolRules.RequireAllowed(machine, pools!),
            MeterOf = machine => metering?.Find(machine.Id, machine.ResourceMeteringEnabled),
            ReadCounters = id => metering?.TakeAsync(id) ?? Task.CompletedTask,
        };
        machines = new MachineService(store, driver, storage, switching, settings, unitServices, planned);
        var exporting = new ExportJournal(paths.State);
        exporting.Recover(reason => events.Write("ExportLeftover", reason, null));
        exports = new ExportService(machines.Unit, exporting, storage, id => switches?.Find(id)?.Name, events);
        moves = new StorageMoveService(machines.Unit, new MoveQueue(() => (int)Math.Min(settings.Current.MaximumStorageMigrations, int.MaxValue)), events);
        imports = new ImportService(machines, planned, storage, settings, () => switches!, unitServices.Guardian, events, time);
        switches = new SwitchService(new SwitchStore(paths.State), switching, events) { Removed = machines.DisconnectAllAsync };
        var adapters = new AdapterMigration(switching);
        var facts = new ImportFactsReader(storage, settings, machines, machines.UnreadableFile, planned, () => switches!, unitServices.Guardian);
        var arrivals = new ArrivalService(
            new ArrivalJournal(paths.State), settings, () => switches!, adapters, () => machines!, () => facts, () => metering!, () => peers!.Trust.Current.HostId, time);
        await arrivals.RecoverAsync(reason => events.Write("MoveLeftover", reason, null), CancellationToken.None);

        // Of moves of a host that ended: nobody uses them any more.
        SessionCredentials.Delete(Path.Combine(paths.Run, "moves"));
        var leaving = new DepartureJournal(paths.State);
        leaving.Load(reason => events.Write("MoveLeftover", reason, null));
        await machines.LoadAsync(CancellationToken.None);

        pools = new PoolService(paths.State, machines);
        await pools.FinishAsync(CancellationToken.None);

        // Not the patient way to the planes: whoever stops a machine does not wait for the figures of a plane that is away.
        metering = new MeteringService(
            machines, pools, store.IsRegistered, new StorageControlClient(paths.StorageSocket), new SwitchControlClient(paths.SwitchSocket),
            new MeterDatabase(Path.Combine(paths.State, "metering.db")), settings, events, time);
        machines.Removed = metering.ForgetAsync;
        mounts = new MountService(storage, paths, new MountStore(paths.State), new FileDevice(paths, time), events)
        {
            MachineWith = path => machines.All.FirstOrDefault(machine => machine.Drives.Any(drive => drive.Path == path) && machines.StatusOf(machine.Id).IsActive)?.Name,
        };

        // What rooms offer to other hosts.
        IReadOnlyList<IPeerRoutes> peerRoutes = [arrivals];
        peers = new PeerRoom(paths.State, settings, events, time, application.Services.GetRequiredService<ILoggerFactory>(), peerRoutes);
        peers.Endpoint.IsForGuests = name => switches.All.Any(one => one.Id == VMSwitch.DefaultSwitchId && one.ManagementAdapters.Any(adapter => adapter.InterfaceName == name));
        var departures = new DepartureService(
            leaving, () => machines, peers.Connector, settings, adapters, id => switches.Find(id)?.Name,
            new MoveQueue(() => (int)Math.Min(settings.Current.MaximumVirtualMachineMigrations, int.MaxValue)), () => peers.Trust.Current.HostId, events, time);
        departures.Recover();
        departing = departures;
        var actions = new AutomaticActions(machines, running, events, time);
        actions.Prepare();

        var host = new HostAssembly(application, paths, machines, switches, mounts, events, accounts, actions, metering,
            new ExtensionEventFollower(new SwitchControlClient(paths.SwitchSocket), events, time), peers, arrivals, departures);
        application.Use(next => context => access.InvokeAsync(context, next));
        CommandEndpoints.Map(application, new HostCommandRunner(
            new CommandRegistry(CommandTable.Descriptors), new QuestionDesk(), application.Services, jobs, access,
            application.Services.GetRequiredService<ILogger<HostCommandRunner>>()));
        new ConsoleEndpoints(machines, access, events, time, application.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping).Map(application);
        HostEndpoints.Map(application, host._state, machines, actions, events, jobs, settings);
        TrustEndpoints.Map(application, peers);
        application.MapGet("/api/doctor", async (CancellationToken cancellation) =>
            Results.Json(await driver.Checks.RunAsync(cancellation), ApiJson.Default.IReadOnlyListHostCheck));
        return host;
    }

    /// <summary>Serves the API until the process is asked to end. Guests go on running.</summary>
    public async Task RunAsync()
    {
        var stopping = _application.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        await _application.StartAsync(CancellationToken.None);
        RestrictSocket();
        _metering.Start();
        var background = new BackgroundWork(_events, TimeProvider.System, _log);
        Task[] work =
        [
            background.RunAsync("Bringing the planes to what is wanted", ReconcileAsync, stopping),
            background.RunAsync("Sharing memory between machines", _machines.BalanceMemoryAsync, stopping),
            background.RunAsync("Following the extensions of switches", _extensionEvents.FollowAsync, stopping),
            background.RunAsync("Following disks that wait for their storage", _stalledDisks.FollowAsync, stopping),
            background.RunAsync("Listening for other hosts", _peers.FollowAsync, stopping),
            background.RunAsync("Looking after the trust between hosts", _peers.Keeper.RunAsync, stopping),
            background.RunAsync("Giving up virtual machines that do not come", _arrivals.WatchAsync, stopping),
            background.RunAsync("Settling moves to other hosts", _departures.FollowAsync, stopping),
        ];
        await _application.WaitForShutdownAsync(CancellationToken.None);
        await Task.WhenAll(work);
        await _starting;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _peers.DisposeAsync();
        await _metering.DisposeAsync();
        await _machines.DisposeAsync();
        await _application.DisposeAsync();
        _mounts.Dispose();
    }

    private void RestrictSocket()
    {
        var group = _accounts.GroupId(PeerAccess.AdministratorsGroup);
        if (group is { } id)
        {
            FileOwner.Set(_paths.HostSocket, -1, (int)id);
        }

        File.SetUnixFileMode(
            _paths.HostSocket, UnixFileMode.UserRead | UnixFileMode.UserWrite | (group is null ? 0 : UnixFileMode.GroupRead | UnixFileMode.GroupWrite));

        // Everybody may ask for a console; the kernel says who asks.
        File.SetUnixFileMode(_paths.ConsoleSocket, (UnixFileMode)0b110_110_110);
    }

    /// <summary>
    /// Brings the planes to what the host wants. What cannot be done is tried again, ever more seldom, until it can; the host is ready
    /// when everything was tried once.
    /// </summary>
    private async Task ReconcileAsync(CancellationToken stopping)
    {
        var pause = s_firstPause;
        var told = "";
        try
        {
            while (true)
            {
                var problem = await TryReconcileAsync(stopping);
                if (problem is null)
                {
                    BeginStarts(stopping);
                    _state.SetReady();
                    LogReady(_machines.All.Count, _switches.All.Count);
                    return;
                }

                if (problem.EveryoneTried)
                {
                    BeginStarts(stopping);
                    _state.SetReady();
                }

                if (problem.Message != told)
                {
                    _events.Write("PlaneNotReady", $"The planes do not yet serve all that is wanted: {problem.Message}", null);
                    told = problem.Message;
                }

                await Task.Delay(pause, TimeProvider.System, stopping);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host ends.
        }
    }

    /// <summary>Once: what is not needed any more is closed, and what is started from here on is not.</summary>
    private void BeginStarts(CancellationToken stopping)
    {
        if (!_state.IsReady)
        {
            _starting = _actions.StartAsync(stopping);
        }
    }

    private async Task<Problem?> TryReconcileAsync(CancellationToken stopping)
    {
        try
        {
            await _application.Services.GetRequiredService<IImages>().SetParentFoldersAsync(_application.Services.GetRequiredService<IHostSettings>().Current.ParentFolders ?? [], stopping);
            var failures = await _mounts.ReconcileAsync(stopping);
            failures = [.. failures, .. await _switches.ReconcileAsync(stopping)];
            failures = [.. failures, .. await _machines.ReconcileAsync(id => _switches.Find(id) is not null, stopping)];
            return failures.Count == 0 ? null : new Problem(string.Join(" ", failures), EveryoneTried: true);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A plane is away: the host still answers questions.
            return new Problem(error.Message, EveryoneTried: false);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Ready with {Machines} virtual machines and {Switches} virtual switches")]
    private partial void LogReady(int machines, int switches);

    private sealed record Problem(string Message, bool EveryoneTried);
}
