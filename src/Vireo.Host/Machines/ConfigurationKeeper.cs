using Vireo.Commands.Framework;
using Vireo.Control;
using Vireo.Host.Store;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines;

/// <summary>
/// Keeps one machine's configuration: what is on disk, and that a running machine has the devices which it names. A change is stored first
/// and applied then; what a host that died left in between is finished at its next start, and undone where it cannot be. Calls come one at a
/// time (the machine's gate).
/// </summary>
internal sealed class ConfigurationKeeper
{
    private readonly IMachine _machine;
    private readonly UnitServices _services;
    private readonly LiveChange _live;
    private volatile VirtualMachineConfiguration _current;

    public ConfigurationKeeper(VirtualMachineConfiguration configuration, IMachine machine, UnitServices services)
    {
        _current = configuration;
        _machine = machine;
        _services = services;
        _live = new LiveChange(machine, services.Connector);
    }

    /// <summary>What is stored.</summary>
    public VirtualMachineConfiguration Current => _current;

    /// <summary>Stores another configuration; a running machine keeps what it has.</summary>
    public void Store(VirtualMachineConfiguration configuration)
    {
        MachineStore.Save(configuration);
        _current = configuration;
    }

    /// <summary>Stores a configuration that may lie in another folder; where the old one lay, a file is left.</summary>
    public void Relocate(VirtualMachineConfiguration configuration)
    {
        if (configuration.Path == _current.Path)
        {
            Store(configuration);
            return;
        }

        _services.Relocate(configuration);
        _current = configuration;
    }

    /// <summary>Stores another configuration and gives a running machine its devices. When that fails, both are as before.</summary>
    public async Task ChangeAsync(VirtualMachineConfiguration after, CancellationToken cancellation)
    {
        var before = _current;
        Store(after);
        CrashPoint.Hit("host.change.stored");
        if (_machine.Running is null)
        {
            return;
        }

        try
        {
            await _live.ApplyAsync(after, cancellation);
        }
        catch
        {
            Store(before);
            CrashPoint.Hit("host.change.undoing");
            await SettleAsync();
            throw;
        }
    }

    /// <summary>After the process of the host began: makes the planes serve what the running machine has, and finishes what was cut short.</summary>
    public async Task FinishAsync(RunningMachine running, CancellationToken cancellation)
    {
        await AdoptMovedAsync(running, cancellation);
        running = _machine.Running ?? running;
        await _services.Connector.ReopenDrivesAsync(running, cancellation);
        var adapters = _current.NetworkAdapters.Where(adapter => running.Configuration.NetworkAdapters.Any(present => present.Id == adapter.Id)).ToList();
        foreach (var adapter in adapters)
        {
            await _services.Connector.ConnectAdapterAsync(_current, adapter, cancellation);
        }

        await ForgetReleasedAsync(cancellation);
        await SettleAsync();
        foreach (var adapter in adapters)
        {
            // A start that was cut short may not have come to the cables.
            await _machine.SetAdapterAsync(adapter, cancellation);
        }
    }

    // The guest writes to the image that the plane serves: that one is the machine's, whatever was written down here.
    private async Task AdoptMovedAsync(RunningMachine running, CancellationToken cancellation)
    {
        var moved = await _services.Connector.FindMovedAsync(running, cancellation);
        if (moved.Count == 0)
        {
            return;
        }

        foreach (var drive in running.Configuration.Drives.Where(drive => moved.ContainsKey(drive.Id)))
        {
            var path = moved[drive.Id];

            // A change that is still to be made to the drive stays.
            Store(_current with { Drives = [.. _current.Drives.Select(other => other.Id == drive.Id && other.Path == drive.Path ? other with { Path = path } : other)] });
            _services.Events.Write("DiskMoved", $"The disk '{drive.Path}' of '{_current.Name}' is '{path}' now: the storage plane serves that to the running guest.", _current.Id);
        }

        // Killed before this, the next start finds the same again.
        _machine.MoveDrives(moved);
    }

    /// <summary>A guest that was asked for a disk and gave it away only after nobody waited any more has none: neither does its configuration.</summary>
    public async Task ForgetReleasedAsync(CancellationToken cancellation)
    {
        if (_machine.Running is null)
        {
            return;
        }

        foreach (var drive in await _machine.ForgetReleasedDrivesAsync(cancellation))
        {
            if (_current.Drives.Any(present => present.Id == drive.Id))
            {
                Store(_current with { Drives = [.. _current.Drives.Where(other => other.Id != drive.Id)] });
                _services.Events.Write(
                    "DriveReleased", $"The guest of '{_current.Name}' has let go of the disk '{drive.Path}', which it had been asked for; it was removed.", _current.Id);
            }

            await _services.Connector.CloseDriveAsync(drive.Id, cancellation);
        }
    }

    /// <summary>Gives the running machine what is stored; where it refuses, stores what it has.</summary>
    private async Task SettleAsync()
    {
        try
        {
            if (_machine.Running is not null)
            {
                await _live.ApplyAsync(_current, CancellationToken.None);
            }
        }
        catch (Exception refused) when (IsRefusal(refused))
        {
            if (_machine.Running is { } running)
            {
                Store(_current with { Drives = running.Configuration.Drives });
                _services.Events.Write("ChangeUndone", $"A change of the drives of '{_current.Name}' could not be finished and was undone: {refused.Message}", _current.Id);
            }
        }
    }

    // A plane or a QEMU that does not answer refuses nothing: it is asked again later.
    private static bool IsRefusal(Exception error) =>
        error is CommandException or MachineException { Kind: not MachineErrorKind.ControlLost } || (error is ControlException and not PlaneUnreachableException);
}
