using Vireo.Machines.Devices;
using Vireo.Machines.Qmp;
using Vireo.Machines.Running;
using Vireo.Machines.States;

namespace Vireo.Machines;

/// <summary>What is seen of a machine that nobody asked for: QEMU's events, the loss of its control connection, what stops and continues the guest.</summary>
internal sealed partial class Machine
{
    private string? _driveTrouble;

    private void OnControl(bool connected)
    {
        _condition.SetCritical(connected ? null : "QEMU's control connection is lost.");
        if (connected)
        {
            OnProcessors();
        }
        else
        {
            // What it says meanwhile is not heard.
            _monitor.SetChannel(null);
        }
    }

    /// <inheritdoc/>
    public void SetDriveTrouble(string? reason)
    {
        Volatile.Write(ref _driveTrouble, reason);
        OnProcessors();
    }

    /// <summary>The guest may have been stopped or continued.</summary>
    private void OnProcessors()
    {
        Volatile.Write(ref _unseen, true);
        LookAgain();
    }

    /// <summary>
    /// Looks at what happened to the guest's processors, and finishes what was left undone. During an operation only when it is a shutdown,
    /// which takes as long as the guest likes; after the others.
    /// </summary>
    private void LookAgain()
    {
        var current = _condition.Current;
        if (_process is not { } process || current is not (null or MachineOperation.ShutDown))
        {
            return;
        }

        if (current is null && process.Record.Intent != MachineIntent.None)
        {
            _ = FinishAsync(process);
        }
        else if (Interlocked.Exchange(ref _unseen, false))
        {
            _ = ReconsiderAsync(process);
        }
    }

    private void OnEvent(QmpEvent happening)
    {
        var now = _time.GetUtcNow();
        switch (happening.Name)
        {
            case "RESET":
                OnReset(now, happening.Flag("guest"));
                break;
            case "GUEST_PANICKED":
                _condition.Events.Publish(new MachineGuestPanicked(Id, now));
                break;
            case "BLOCK_IO_ERROR":
                _condition.Events.Publish(new MachineDriveFailed(Id, now, FindDrive(happening.Text("device"), happening.Text("node-name")), happening.Text("operation") == "write", happening.Text("reason") ?? ""));
                break;
            case "DEVICE_DELETED" when happening.Text("device") is not null:
                _condition.Events.Publish(new MachineDriveReleased(Id, now));
                break;
            case "STOP" or "RESUME":
                OnProcessors();
                break;
            case "VSERPORT_CHANGE" when happening.Text("id") == DeviceNames.AgentPort:
                _monitor.SetChannel(happening.Flag("open"));
                break;
        }
    }

    /// <summary>Another guest begins: nothing that is known of the old one holds, and its time counts anew.</summary>
    private void OnReset(DateTimeOffset now, bool byGuest)
    {
        _monitor.Forget();
        try
        {
            // A guest can reset itself without end; writing that down each time would keep the host's disk busy.
            var durably = now - _resetWritten >= s_resetPause;
            _resetWritten = durably ? now : _resetWritten;
            _process?.Update(record => record with { StartedAt = now }, durably);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Told right by this host; the next one takes the guest to be older than it is.
        }

        _condition.SetHeartbeat(RestingHeartbeat());
        _condition.Events.Publish(new MachineWasReset(Id, now, byGuest));
        Interlocked.Exchange(ref _nextReset, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
    }

    /// <summary>QEMU stopped or continued the guest: look at it. What was seen before an operation began or ended says nothing after it.</summary>
    private async Task ReconsiderAsync(MachineProcess process)
    {
        try
        {
            while (!await TryObserveAsync(process, _stop.Token).ConfigureAwait(false))
            {
                // An operation passed while QEMU answered.
            }

            _condition.SetHeartbeat(RestingHeartbeat());
            _monitor.Wake();
        }
        catch (Exception exception) when (exception is MachineException or QmpException or OperationCanceledException)
        {
            // The process is ending, or its connection broke: both are told elsewhere.
        }
    }

    /// <summary>Asks QEMU how the guest is; false when the answer is out of date, and another look is due now.</summary>
    private async Task<bool> TryObserveAsync(MachineProcess process, CancellationToken cancellationToken)
    {
        var operations = Volatile.Read(ref _operations);
        var status = await process.QueryStatusAsync(cancellationToken).ConfigureAwait(false);
        var current = false;
        _condition.Change(states =>
        {
            current = operations == _operations;
            if (current)
            {
                _condition.SetCritical(DescribeTrouble(status) ?? Volatile.Read(ref _driveTrouble));
                states.ObserveProcessors(status == "running");
            }

            if (!current || states.Current is not null)
            {
                // Whatever is under way looks again at its end.
                _unseen = true;
            }
        });
        return current || _condition.Current is not null || !Interlocked.Exchange(ref _unseen, false);
    }

    /// <summary>What QEMU's word for the state of the guest means for its owner; null when all is well.</summary>
    private static string? DescribeTrouble(string status) => status switch
    {
        "io-error" => "A disk gave an error, for example because the host's disk is full. Make room, then resume the virtual machine.",
        "internal-error" => "The accelerator could not run the guest any further. Turn the virtual machine off.",
        _ => null,
    };

    private Guid? FindDrive(string? device, string? node) => _process?.Record.Configuration.Drives
        .Where(drive => device?.EndsWith(DeviceNames.Drive(drive.Id), StringComparison.Ordinal) == true || node?.EndsWith(DeviceNames.Node(drive.Id)[2..], StringComparison.Ordinal) == true)
        .Select(drive => (Guid?)drive.Id).FirstOrDefault();
}
