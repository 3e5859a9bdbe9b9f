namespace Vireo.Machines.States;

/// <summary>
/// The legal ways between the states of a machine. Pure: it knows what is asked and what was seen, not how it is done. An operation
/// begins, then completes or fails; what the process does on its own (it ended, it stopped the guest) is observed at any time.
/// </summary>
/// <param name="initial">State to begin with: <see cref="MachineState.Off"/> or <see cref="MachineState.Saved"/>.</param>
public sealed class MachineStateMachine(MachineState initial)
{
    private static readonly Dictionary<MachineOperation, Way> s_ways = new()
    {
        [MachineOperation.Start] = new([MachineState.Off], MachineState.Starting, MachineState.Running),
        [MachineOperation.Restore] = new([MachineState.Saved], MachineState.Starting, MachineState.Running),
        [MachineOperation.Pause] = new([MachineState.Running], MachineState.Pausing, MachineState.Paused),
        [MachineOperation.Resume] = new([MachineState.Paused], MachineState.Resuming, MachineState.Running),
        [MachineOperation.Save] = new([MachineState.Running, MachineState.Paused], MachineState.Saving, MachineState.Saved),
        [MachineOperation.Checkpoint] = new([MachineState.Running, MachineState.Paused], null, null),
        [MachineOperation.Depart] = new([MachineState.Running], null, null),
        [MachineOperation.ShutDown] = new([MachineState.Running], MachineState.Stopping, MachineState.Off),
        [MachineOperation.Reset] = new([MachineState.Running, MachineState.Paused], MachineState.Resetting, MachineState.Running),
        [MachineOperation.DiscardSavedState] = new([MachineState.Saved], MachineState.Saved, MachineState.Off),
        [MachineOperation.AdoptSavedState] = new([MachineState.Off], MachineState.Off, MachineState.Saved),
        [MachineOperation.TurnOff] = new(
            [
                MachineState.Starting, MachineState.Running, MachineState.Pausing, MachineState.Paused, MachineState.Resuming,
                MachineState.Saving, MachineState.Stopping, MachineState.Resetting,
            ],
            MachineState.Stopping,
            MachineState.Off),
    };

    private MachineState _before = initial;

    /// <summary>The state now.</summary>
    public MachineState State { get; private set; } = initial;

    /// <summary>The operation under way, if any.</summary>
    public MachineOperation? Current { get; private set; }

    /// <summary>Whether <paramref name="operation"/> may begin now. Only turning off may begin while another operation is under way.</summary>
    public bool CanBegin(MachineOperation operation) =>
        s_ways[operation].From.Contains(State) && (Current is null || (operation == MachineOperation.TurnOff && Current != MachineOperation.TurnOff));

    /// <summary>Begins <paramref name="operation"/> and enters the state that shows it.</summary>
    /// <exception cref="MachineStateException">It is not legal now.</exception>
    public void Begin(MachineOperation operation)
    {
        if (!CanBegin(operation))
        {
            throw new MachineStateException(operation, State);
        }

        _before = State;
        State = s_ways[operation].During ?? State;
        Current = operation;
    }

    /// <summary>The operation under way reached its goal.</summary>
    public void Complete()
    {
        Platform.Invariant.Check(Current is not null);
        State = s_ways[Current.Value].Goal ?? _before;
        Current = null;
    }

    /// <summary>The operation under way did not happen: back to the state before it, unless the process has meanwhile ended.</summary>
    public void Fail()
    {
        if (Current is null)
        {
            return;
        }

        // Turning off ends other operations; when it fails itself, what those had begun cannot be known, and the process still runs.
        State = Current == MachineOperation.TurnOff && _before is not MachineState.Paused ? MachineState.Running : _before;
        Current = null;
    }

    /// <summary>The process ended. The machine is off, or saved when saving had put everything into the file.</summary>
    /// <param name="saved">A complete saved state exists.</param>
    public void ObserveExit(bool saved)
    {
        State = saved ? MachineState.Saved : MachineState.Off;
        Current = null;
    }

    /// <summary>The guest's processors were seen standing still or running, without an operation of ours.</summary>
    public void ObserveProcessors(bool running)
    {
        if (Current is null && State is MachineState.Running or MachineState.Paused)
        {
            State = running ? MachineState.Running : MachineState.Paused;
        }
    }

    /// <summary>A process was found that no operation of this life brought there, for instance after a restart.</summary>
    /// <param name="state">What it does.</param>
    public void ObserveAdopted(MachineState state)
    {
        if (Current is null)
        {
            State = state;
        }
    }

    // Null is the state that it was in.
    private sealed record Way(IReadOnlyList<MachineState> From, MachineState? During, MachineState? Goal);
}

/// <summary>An operation was asked of a machine whose state does not allow it.</summary>
public sealed class MachineStateException(MachineOperation operation, MachineState state)
    : InvalidOperationException($"The operation '{operation}' is not possible while the virtual machine is in the state '{state}'.")
{
    /// <summary>What was asked.</summary>
    public MachineOperation Operation { get; } = operation;

    /// <summary>The state that forbids it.</summary>
    public MachineState State { get; } = state;
}
