using System.Globalization;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Checks;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Processes;

namespace Vireo.Machines;

/// <summary>Settings of a <see cref="MachineDriver"/>.</summary>
public sealed record MachineDriverOptions
{
    /// <summary>Folder of the host's state; remembers the accelerator.</summary>
    public required string StateFolder { get; init; }

    /// <summary>Unprivileged user that guests run as, see <see cref="Privileges.FindUser"/>; null is who we are.</summary>
    public string? User { get; init; }

    /// <summary>QEMU.</summary>
    public string QemuPath { get; init; } = "/usr/bin/qemu-system-x86_64";

    /// <summary>How long finding a running machine waits for its QEMU to answer. One that does not is found all the same and finished later.</summary>
    public TimeSpan AdoptionPatience { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>Makes and finds machines of this host.</summary>
public sealed class MachineDriver : IMachineDriver
{
    private readonly TimeProvider _time;
    private readonly AcceleratorProbe _probe;
    private readonly TimeSpan _patience;

    /// <summary>Makes a driver; nothing is started.</summary>
    public MachineDriver(MachineDriverOptions options, TimeProvider time)
    {
        _time = time;
        _patience = options.AdoptionPatience;
        _probe = new(options.QemuPath, Path.Combine(options.StateFolder, "accelerator.json"), options.User, time);
        Checks = new(_probe, options.QemuPath, options.StateFolder);
    }

    /// <summary>Checks of this host for <c>vireo doctor</c>.</summary>
    public HostChecks Checks { get; }

    /// <inheritdoc/>
    public Task<AcceleratorReport> GetAcceleratorAsync(CancellationToken cancellationToken = default) => _probe.GetAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<IMachine> OpenAsync(Guid id, string runFolder, bool hasSavedState, CancellationToken cancellationToken = default)
    {
        var record = MachineRecord.Read(runFolder);
        var identity = record?.Process ?? await FindStrayAsync(id, runFolder, cutShort: record is not null, cancellationToken).ConfigureAwait(false);
        var handle = identity is null ? null : ProcessHandle.TryOpen(identity);
        if (handle is not null && identity!.ReadCommandLine().Count > 0 && !IsMachine(identity, id))
        {
            handle.Dispose();
            handle = null;
        }

        if (handle is null)
        {
            var (saved, exit) = JudgeGone(record, hasSavedState);
            if (record is not null)
            {
                ComPortLinks.Withdraw(record.Configuration, record.Plan);
                TpmProcess.End(record.Tpm);
            }

            MachineRecord.Delete(runFolder);
            await MachineProcess.RemoveControlGroupAsync(record?.ControlGroupFolders ?? [], _time).ConfigureAwait(false);
            return new Machine(id, runFolder, saved, exit, _time);
        }

        if (record is null)
        {
            handle.Dispose();
            throw new MachineException(
                MachineErrorKind.ControlLost,
                $"Process {identity!.ProcessId} runs the virtual machine {id}, but its record in '{runFolder}' is missing or was written by another version. End the process to start the virtual machine anew.");
        }

        var machine = new Machine(id, runFolder, saved: false, lastExit: null, _time);
        await machine.AdoptAsync(record with { Process = identity }, handle, hasSavedState, _patience, cancellationToken).ConfigureAwait(false);
        return machine;
    }

    /// <summary>The process ended while nobody watched.</summary>
    private static (bool Saved, MachineExit? Exit) JudgeGone(MachineRecord? record, bool hasSavedState)
    {
        if (record?.Process is null)
        {
            return (hasSavedState, null);
        }

        var saved = record.Intent == MachineIntent.Saving && File.Exists(record.SavingTo);
        var unused = record.Intent is MachineIntent.Starting or MachineIntent.Restoring;
        var exit = ExitClassifier.Classify(ExitStatus.Unknown, shutdownReason: null, turnedOff: unused, saved, LogTail.Read(record.Plan.LogPath, 40));
        return (saved || hasSavedState, exit);
    }

    /// <summary>
    /// A process whose record is missing or was cut short. One that was being started at that moment may be between two programs (the
    /// shell becomes QEMU), when its command line reads as empty: look again.
    /// </summary>
    private async Task<ProcessIdentity?> FindStrayAsync(Guid id, string runFolder, bool cutShort, CancellationToken cancellationToken)
    {
        if (!cutShort && !File.Exists(Path.Combine(runFolder, "qmp")))
        {
            // Without a control socket there is no process; looking through all of them for each machine that is off would take long.
            return null;
        }

        var attempts = cutShort ? 10 : 1;
        while (true)
        {
            var found = FindStray(id, runFolder);
            if (found is not null || --attempts == 0)
            {
                return found;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ProcessIdentity? FindStray(Guid id, string runFolder)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var processId)
                && ProcessIdentity.Find(processId) is { } identity
                && IsMachine(identity, id)
                && identity.ReadCommandLine().Any(argument => argument.Contains($"path={Path.Combine(runFolder, "qmp")},", StringComparison.Ordinal)))
            {
                return identity;
            }
        }

        return null;
    }

    private static bool IsMachine(ProcessIdentity identity, Guid id)
    {
        var arguments = identity.ReadCommandLine();
        var position = arguments.ToList().IndexOf("-uuid");
        return position >= 0 && position + 1 < arguments.Count && arguments[position + 1] == id.ToString();
    }
}
