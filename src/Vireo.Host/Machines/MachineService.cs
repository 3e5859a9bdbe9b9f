using System.Collections.Concurrent;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Host.History;
using Vireo.Host.Machines.Checkpoints;
using Vireo.Host.Machines.Memory;
using Vireo.Host.Machines.Processors;
using Vireo.Host.Metering;
using Vireo.Host.Store;
using Vireo.Host.Transfers;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Host.Machines;

/// <summary>The machines of this host.</summary>
internal sealed class MachineService : IMachines, ICheckpoints, IGuestFiles, IAsyncDisposable
{
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<Guid, MachineUnit> _units = new();
    private readonly PlannedMachines _planned;
    private readonly MachineStore _store;
    private readonly IMachineDriver _driver;
    private readonly IStorageControl _storage;
    private readonly ISwitchControl _switching;
    private readonly EventLog _events;
    private readonly UnitServices _services;
    private volatile bool _hasUnknown;
    private readonly MemoryBalancer _balancer;
    private readonly Lock _sharing = new();

    public MachineService(MachineStore store, IMachineDriver driver, IStorageControl storage, ISwitchControl switching, IHostSettings settings, UnitServices services, PlannedMachines planned)
    {
        _planned = planned;
        _store = store;
        _driver = driver;
        _storage = storage;
        _switching = switching;
        _events = services.Events;
        var memory = new MemoryLedger(
            Keepers, MemoryReading.Now, ProcessMemory.Of, MemoryCap.Parse(Environment.GetEnvironmentVariable(MemoryCap.Variable)), services.Time);
        _services = services with
        {
            Addresses = new MacAddressPool(settings, () => _units.Values.SelectMany(unit => Addresses(unit.Configuration))),
            Memory = memory,
            MaySpanNodes = () => settings.Current.NumaSpanningEnabled,
            ProcessorsChanged = ShareProcessors,
            Machines = () => All,
            Relocate = store.Relocate,
        };
        _balancer = new MemoryBalancer(Keepers, memory, services.Time);
        memory.Wake = _balancer.Wake;

        IEnumerable<MemoryKeeper> Keepers() => _units.Values.Select(unit => unit.Memory);
    }

    public IReadOnlyList<VirtualMachineConfiguration> All =>
        [.. _units.Values.Select(unit => unit.Configuration).OrderBy(one => one.Name, StringComparer.OrdinalIgnoreCase).ThenBy(one => one.Id)];

    /// <summary>Shares the host's memory among the running guests until it is cancelled.</summary>
    public Task BalanceMemoryAsync(CancellationToken stopping) => _balancer.RunAsync(stopping);

    /// <summary>Running machines and their processes.</summary>
    public IEnumerable<(Guid Machine, int ProcessId)> Processes() => _units.Values
        .Select(unit => (Machine: unit.Configuration.Id, unit.Memory.ProcessId)).Where(one => one.ProcessId is not null).Select(one => (one.Machine, one.ProcessId!.Value));

    /// <summary>Gives each running machine its share of the processors.</summary>
    private void ShareProcessors()
    {
        lock (_sharing)
        {
            var running = _units.Values.Where(unit => unit.Memory.ProcessId is not null).ToList();
            var weights = ProcessorShares.Weights(Environment.ProcessorCount, [.. running.Select(unit => unit.Configuration).Select(machine =>
                new ProcessorClaim(machine.Id, machine.Processor.Count, machine.Processor.ReservePercent, machine.Processor.RelativeWeight))]);
            foreach (var unit in running)
            {
                unit.SetProcessors(weights[unit.Configuration.Id]);
            }
        }
    }

    // Those of its checkpoints come back when they are applied.
    private static IEnumerable<string> Addresses(VirtualMachineConfiguration machine) =>
        machine.Checkpoints.All.Select(checkpoint => checkpoint.Machine).Append(machine).SelectMany(one => one.NetworkAdapters).Select(adapter => adapter.MacAddress);

    /// <summary>Reads the registered machines and finds those that run.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        var machines = _store.Load((id, reason) =>
        {
            _hasUnknown = true;
            _events.Write("MachineUnreadable", reason, id);
        });
        await Parallel.ForEachAsync(machines, cancellation, async (machine, token) =>
        {
            try
            {
                _units[machine.Id] = await OpenAsync(machine, token);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // One machine that cannot be understood must not take the others with it.
                _hasUnknown = true;
                _events.Write("MachineUnreadable", $"The virtual machine '{machine.Name}' cannot be managed: {error.Message}", machine.Id);
            }
        });
    }

    /// <summary>
    /// Makes the planes serve exactly what running machines need. Every machine is tried by itself; the answer says what could not be done.
    /// </summary>
    public async Task<IReadOnlyList<string>> ReconcileAsync(Func<Guid, bool> switchExists, CancellationToken cancellation)
    {
        var failures = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(_units.Values, cancellation, async (unit, token) =>
        {
            try
            {
                // A switch that was removed while the host died: its adapters are connected to nothing.
                if (unit.Configuration.NetworkAdapters.Any(adapter => adapter.SwitchId is { } id && !switchExists(id)))
                {
                    await unit.ChangeAsync((machine, _) => Disconnect(machine, id => !switchExists(id)), token);
                }

                await unit.ReconcileAsync(token);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                failures.Add($"{unit.Configuration.Name}: {error.Message}");
            }
        });
        await CloseStrayAsync(cancellation);
        ShareProcessors();
        return [.. failures.Order(StringComparer.Ordinal)];
    }

    /// <summary>
    /// Closes disks and ports that no machine has, which a host that died left open; those of machines are the machines' own business. The
    /// socket's path tells that they are this host's: others may use the planes by their own API.
    /// </summary>
    private async Task CloseStrayAsync(CancellationToken cancellation)
    {
        if (_hasUnknown)
        {
            // A guest may be running that this host knows nothing of but its disks and ports.
            return;
        }

        foreach (var disk in await _storage.ListDisksAsync(cancellation))
        {
            var id = disk.Attachment.Id;
            if (disk.Attachment.SocketPath == _services.Paths.DiskSocket(id) && !_units.Values.Any(unit => unit.Has(machine => FloppyDrive.IdOf(machine.Id) == id || machine.Drives.Any(drive => drive.Id == id))))
            {
                await _storage.CloseDiskAsync(id, cancellation);
            }
        }

        foreach (var port in await _switching.ListPortsAsync(cancellation))
        {
            var id = port.Port.Id;
            if (port.Port.Kind is PortKind.VhostUser or PortKind.Datagram && port.Port.SocketPath == _services.Paths.PortSocket(id)
                && !_units.Values.Any(unit => unit.Has(machine => machine.NetworkAdapters.Any(adapter => adapter.Id == id))))
            {
                await _switching.RemovePortAsync(id, cancellation);
            }
        }
    }

    public VirtualMachineConfiguration? Find(Guid id) => _units.TryGetValue(id, out var unit) ? unit.Configuration : Planned(id)?.Machine;

    public MachineStatus StatusOf(Guid id) => Planned(id) is { } plan ? PlannedMachines.StatusOf(plan) : Unit(id).Status();

    /// <summary>The process of a machine; null without one.</summary>
    public ProcessUse? ProcessOf(Guid id) => Unit(id).Process();

    /// <summary>Called when a machine was removed.</summary>
    public Func<Guid, Task> Removed { get; set; } = static _ => Task.CompletedTask;

    public async Task CreateAsync(VirtualMachineConfiguration configuration, CreateImage? newDisk, CancellationToken cancellation)
    {
        if (newDisk is not null && DiskFiles.IsTaken(newDisk.Path))
        {
            throw Errors.Invalid($"The file '{newDisk.Path}' exists already; nothing was changed.", newDisk.Path);
        }

        try
        {
            await _store.CreateAsync(
                configuration,
                newDisk is null || UncPath.IsUnc(newDisk.Path) ? null : newDisk.Path,
                async () =>
                {
                    if (newDisk is not null)
                    {
                        if (!UncPath.IsUnc(newDisk.Path))
                        {
                            Directory.CreateDirectory(Path.GetDirectoryName(newDisk.Path)!);
                        }

                        await _storage.CreateImageAsync(newDisk, cancellation);
                    }
                });
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw Errors.NotFound($"The virtual machine '{configuration.Name}' could not be created in '{configuration.Path}': {refused.Message}", configuration.Path);
        }

        await ManageAsync(configuration, "created");
        _events.Write("MachineCreated", $"The virtual machine '{configuration.Name}' was created.", configuration.Id);
    }

    /// <summary>Registers a machine that is imported; what it takes is made by <paramref name="makeFiles"/>, which is all undone when that fails.</summary>
    internal Task RegisterAsync(VirtualMachineConfiguration machine, Func<ImportJournal, Task> makeFiles) => _store.ImportAsync(machine, makeFiles);

    /// <summary>What the machines of the host share.</summary>
    internal UnitServices Services => _services;

    /// <summary>Makes machines.</summary>
    internal IMachineDriver Driver => _driver;

    /// <summary>Where machines are on disk.</summary>
    internal MachineStore Store => _store;

    /// <summary>Every machine's unit.</summary>
    internal IEnumerable<MachineUnit> Units => _units.Values;

    /// <summary>Begins to manage a machine that came here while its guest ran.</summary>
    internal async Task AdoptAsync(VirtualMachineConfiguration configuration, IMachine machine)
    {
        var unit = _units[configuration.Id] = new MachineUnit(configuration, machine, _services);
        _services.Running.Set(configuration.Id, machine.Running is not null);
        ShareProcessors();
        await unit.TidyIfEndedAsync();
    }

    /// <summary>Forgets a machine that is another host's now.</summary>
    internal async Task ReleaseAsync(MachineUnit unit)
    {
        _store.Release(unit.Configuration.Id);
        _units.TryRemove(unit.Configuration.Id, out _);
        _services.Running.Set(unit.Configuration.Id, false);
        await unit.DisposeAsync();
        await Removed(unit.Configuration.Id);
    }

    /// <summary>Begins to manage a machine that was imported. What cannot be tidied up now is an event, and tidied up by the next start of the host.</summary>
    /// <exception cref="CommandException">It is registered, and cannot be managed before the host is started again.</exception>
    internal async Task AdoptAsync(VirtualMachineConfiguration machine)
    {
        var unit = await ManageAsync(machine, "imported");
        try
        {
            await unit.AdoptAsync();
        }
        catch (Exception error) when (error is CommandException or ControlException or IOException or UnauthorizedAccessException)
        {
            _events.Write("MachineUnsettled", $"The virtual machine '{machine.Name}' was imported; what was left from before could not be tidied up and is by the next start of the host: {error.Message}", machine.Id);
        }
    }

    // It is registered: from here on it is a machine of the host, whoever goes away.
    private async Task<MachineUnit> ManageAsync(VirtualMachineConfiguration machine, string done)
    {
        try
        {
            return _units[machine.Id] = await OpenAsync(machine, CancellationToken.None);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            _hasUnknown = true;
            var message = $"The virtual machine '{machine.Name}' was {done}, but cannot be managed before the host is started again: {error.Message}";
            _events.Write("MachineUnreadable", message, machine.Id);
            throw new CommandException("OperationFailed", ErrorCategory.NotSpecified, message, machine.Name, error);
        }
    }

    /// <summary>The configuration of a machine that is registered and could not be read; null for any other id.</summary>
    internal string? UnreadableFile(Guid id) => _units.ContainsKey(id) ? null : _store.RegisteredFile(id);

    public Task<VirtualMachineConfiguration> ChangeAsync(
        Guid id, Func<VirtualMachineConfiguration, MachineStatus, VirtualMachineConfiguration> change, CancellationToken cancellation) =>
        Planned(id) is not null ? Task.FromResult(_planned.Change(id, change)) : Unit(id).ChangeAsync(change, cancellation);

    public async Task RemoveAsync(Guid id, CancellationToken cancellation)
    {
        if (Planned(id) is not null)
        {
            _planned.Drop(id);
            return;
        }

        var unit = Unit(id);
        await unit.RemoveAsync(() =>
        {
            _store.Remove(unit.Configuration);
            _units.TryRemove(id, out _);
        }, cancellation);
        await unit.DisposeAsync();
        await Removed(id);
        _events.Write("MachineRemoved", $"The virtual machine '{unit.Configuration.Name}' was removed.", id);
    }

    /// <summary>Adapters on a switch that is gone are connected to nothing.</summary>
    public async Task DisconnectAllAsync(Guid switchId)
    {
        foreach (var unit in _units.Values.Where(unit => unit.Configuration.NetworkAdapters.Any(adapter => adapter.SwitchId == switchId)))
        {
            try
            {
                await unit.ChangeAsync((machine, _) => Disconnect(machine, id => id == switchId), CancellationToken.None);
            }
            catch (CommandException refused)
            {
                // The machine is gone, or keeps a dead cable until its next change; the others must lose theirs all the same.
                _events.Write("DisconnectFailed", refused.Message, unit.Configuration.Id);
            }
        }
    }

    private static VirtualMachineConfiguration Disconnect(VirtualMachineConfiguration machine, Func<Guid, bool> from) => machine with
    {
        NetworkAdapters = [.. machine.NetworkAdapters.Select(adapter => adapter.SwitchId is { } id && from(id) ? adapter with { SwitchId = null } : adapter)],
    };

    public Task StartAsync(Guid id, Action<string, int> progress, CancellationToken cancellation) => Unit(id).StartAsync(progress, cancellation);

    public Task TurnOffAsync(Guid id, CancellationToken cancellation) => Planned(id) is not null
        ? Task.FromResult(_planned.Change(id, static (machine, _) => machine with { HasSavedState = false }))
        : Unit(id).TurnOffAsync(cancellation);

    public Task ShutDownAsync(Guid id, bool force, Action<string, int> progress, CancellationToken cancellation) =>
        Unit(id).ShutDownAsync(force, progress, cancellation);

    public Task ResetAsync(Guid id, CancellationToken cancellation) => Unit(id).ResetAsync(cancellation);

    public Task InterruptAsync(Guid id, CancellationToken cancellation) => Unit(id).InterruptAsync(cancellation);

    public Task PauseAsync(Guid id, CancellationToken cancellation) => Unit(id).PauseAsync(cancellation);

    public Task ResumeAsync(Guid id, CancellationToken cancellation) => Unit(id).ResumeAsync(cancellation);

    public Task SaveAsync(Guid id, Action<string, int> progress, CancellationToken cancellation) => Unit(id).SaveAsync(progress, cancellation);

    public Task WaitForChangeAsync(Guid id, CancellationToken cancellation) => Unit(id).WaitForChangeAsync(s_longestWait, cancellation);

    /// <summary>The socket of a console: <c>com1</c>, <c>com2</c> or <c>screen</c>; null when the machine does not run.</summary>
    public string? ConsoleSocket(Guid id, string device) => _units.TryGetValue(id, out var unit) ? unit.ConsoleSocket(device) : null;

    /// <summary>The process of a machine; null when it does not run.</summary>
    public int? ProcessIdOf(Guid id) => _units.TryGetValue(id, out var unit) ? unit.Memory.ProcessId : null;

    /// <inheritdoc/>
    public async Task<CheckpointConfiguration> TakeAsync(Guid id, string? name, Action<string, int> progress, CancellationToken cancellation)
    {
        var taken = await Unit(id).CheckpointAsync(name, progress, cancellation);
        _events.Write("CheckpointTaken", $"The checkpoint '{taken.Name}' of '{taken.Machine.Name}' was taken.", id);
        return taken;
    }

    /// <inheritdoc/>
    public async Task ApplyAsync(Guid id, Guid checkpoint, Action<string, int> progress, CancellationToken cancellation)
    {
        await Unit(id).ApplyCheckpointAsync(checkpoint, progress, cancellation);
        _events.Write("CheckpointApplied", $"A checkpoint of '{Unit(id).Configuration.Name}' was applied.", id);
    }

    /// <inheritdoc/>
    public async Task RemoveAsync(Guid id, IReadOnlyCollection<Guid> checkpoints, bool withChildren, CancellationToken cancellation)
    {
        if (Planned(id) is not null)
        {
            _planned.Change(id, (machine, _) =>
                PlannedMachines.WithoutCheckpoints(machine, checkpoints.SelectMany(one => withChildren ? CheckpointTree.Subtree(machine, one) : new HashSet<Guid> { one }).ToHashSet()));
            return;
        }

        var count = 0;
        await Unit(id).RemoveCheckpointsAsync(
            machine =>
            {
                var ids = checkpoints.SelectMany(one => withChildren ? CheckpointTree.Subtree(machine, one) : new HashSet<Guid> { one }).ToHashSet();
                ids.IntersectWith(machine.Checkpoints.All.Select(one => one.Id));
                count = ids.Count;
                return ids;
            },
            cancellation);
        _events.Write("CheckpointRemoved", $"{count} checkpoint(s) of '{Unit(id).Configuration.Name}' were removed.", id);
    }

    /// <inheritdoc/>
    public Task RemoveStateAsync(Guid id, Guid checkpoint, CancellationToken cancellation) => Planned(id) is not null
        ? Task.FromResult(_planned.Change(id, (machine, _) => machine with
        {
            Checkpoints = machine.Checkpoints with { All = [.. machine.Checkpoints.All.Select(one => one.Id == checkpoint ? one with { HasState = false } : one)] },
        }))
        : Unit(id).RemoveCheckpointStateAsync(checkpoint, cancellation);

    /// <inheritdoc/>
    public Task CopyToGuestAsync(Guid id, string source, string destination, bool createPath, bool force, Action<string, int> progress, CancellationToken cancellation) =>
        Unit(id).CopyFileAsync(copy => copy.ToGuestAsync(source, destination, createPath, force, progress, cancellation));

    /// <inheritdoc/>
    public Task CopyFromGuestAsync(Guid id, string source, string destination, bool createPath, bool force, Action<string, int> progress, CancellationToken cancellation) =>
        Unit(id).CopyFileAsync(copy => copy.FromGuestAsync(source, destination, createPath, force, progress, cancellation));

    /// <summary>The last lines a machine wrote to a serial port.</summary>
    public IReadOnlyList<string> Console(Guid id, int port, int lines) => Unit(id).Console(port, lines);

    /// <summary>Command line of the last start, for people.</summary>
    public string? CommandLine(Guid id) => Unit(id).CommandLine;

    // The host ends it, and so does the container that hands it out to commands.
    public async ValueTask DisposeAsync()
    {
        foreach (var id in _units.Keys)
        {
            if (_units.TryRemove(id, out var unit))
            {
                await unit.DisposeAsync();
            }
        }
    }

    private async Task<MachineUnit> OpenAsync(VirtualMachineConfiguration configuration, CancellationToken cancellation)
    {
        var machine = await _driver.OpenAsync(
            configuration.Id, _services.Paths.MachineRun(configuration.Id), configuration.HasSavedState, cancellation);
        return new MachineUnit(configuration, machine, _services);
    }

    // What has become a machine is no plan any more.
    private PlannedImport? Planned(Guid id) => _units.ContainsKey(id) ? null : _planned.Find(id);

    /// <summary>A machine that must be there.</summary>
    internal MachineUnit Unit(Guid id) => _units.TryGetValue(id, out var unit) ? unit
        : Planned(id) is { } plan ? throw Errors.State($"The virtual machine '{plan.Machine.Name}' is only planned; 'Import-VM -CompatibilityReport' makes it one of this host.", plan.Machine.Name)
        : throw Errors.MachineGone(id);
}
