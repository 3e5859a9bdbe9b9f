using Vireo.Machines.States;

namespace Vireo.Machines.Running;

/// <summary>
/// How a machine is doing, and telling of it: every change becomes an event, in order. One lock guards it all; what is done under it is
/// short and never waits.
/// </summary>
/// <param name="id">Key of the machine.</param>
/// <param name="initial">State to begin with.</param>
/// <param name="lastExit">How its last process ended, if known.</param>
/// <param name="time">Clock.</param>
internal sealed class MachineCondition(Guid id, MachineState initial, MachineExit? lastExit, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly MachineStateMachine _states = new(initial);
    private DateTimeOffset _since = time.GetUtcNow();
    private HeartbeatStatus _heartbeat = HeartbeatStatus.Disabled;
    private string? _criticalReason;
    private MachineExit? _lastExit = lastExit;

    /// <summary>Tells of changes.</summary>
    public MachineEventHub Events { get; } = new();

    /// <summary>The state now.</summary>
    public MachineState State => _states.State;

    /// <summary>The operation under way, if any.</summary>
    public MachineOperation? Current => _states.Current;

    /// <summary>The heartbeat now.</summary>
    public HeartbeatStatus Heartbeat => _heartbeat;

    /// <summary>The machine at this instant, with what is known of its process.</summary>
    public MachineStatus Describe(MachineRecord? record)
    {
        lock (_lock)
        {
            return new()
            {
                MachineId = id,
                State = _states.State,
                Since = _since,
                CriticalReason = _criticalReason,
                Heartbeat = _heartbeat,
                StartedAt = record?.StartedAt,
                ProcessId = record?.Process?.ProcessId,
                Accelerator = record?.Plan.Accelerator,
                LastExit = _lastExit,
            };
        }
    }

    /// <summary>Changes the state.</summary>
    public void Change(Action<MachineStateMachine> change)
    {
        lock (_lock)
        {
            var previous = _states.State;
            change(_states);
            if (_states.State != previous)
            {
                _since = time.GetUtcNow();
                Events.Publish(new MachineStateChanged(id, _since, previous, _states.State));
            }
        }
    }

    /// <summary>The process ended.</summary>
    public void End(MachineExit exit, bool saved)
    {
        lock (_lock)
        {
            _lastExit = exit;
            _criticalReason = null;
            Change(states => states.ObserveExit(saved));
            Events.Publish(new MachineExited(id, time.GetUtcNow(), exit));
        }
    }

    /// <summary>The heartbeat was judged.</summary>
    public void SetHeartbeat(HeartbeatStatus heartbeat)
    {
        lock (_lock)
        {
            if (_heartbeat != heartbeat)
            {
                Events.Publish(new MachineHeartbeatChanged(id, time.GetUtcNow(), _heartbeat, heartbeat));
                _heartbeat = heartbeat;
            }
        }
    }

    /// <summary>The critical condition began, changed or ended (null).</summary>
    public void SetCritical(string? reason)
    {
        lock (_lock)
        {
            if (_criticalReason != reason)
            {
                _criticalReason = reason;
                Events.Publish(new MachineCriticalChanged(id, time.GetUtcNow(), reason));
            }
        }
    }
}
