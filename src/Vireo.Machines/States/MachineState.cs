namespace Vireo.Machines.States;

/// <summary>State of a machine as seen from outside. A critical condition is told beside it, see <see cref="MachineStatus.CriticalReason"/>.</summary>
public enum MachineState
{
    /// <summary>No process, no saved state.</summary>
    Off,

    /// <summary>The process is being made, or a saved state is being read.</summary>
    Starting,

    /// <summary>The guest's processors run.</summary>
    Running,

    /// <summary>On the way to <see cref="Paused"/>.</summary>
    Pausing,

    /// <summary>The guest's processors stand still; its memory is kept.</summary>
    Paused,

    /// <summary>On the way from <see cref="Paused"/> to <see cref="Running"/>.</summary>
    Resuming,

    /// <summary>Memory and devices are being written to a file.</summary>
    Saving,

    /// <summary>No process; memory and devices are in a file.</summary>
    Saved,

    /// <summary>The guest shuts down, or the process is being ended.</summary>
    Stopping,

    /// <summary>The guest starts again as after the reset button.</summary>
    Resetting,
}

/// <summary>What can be asked of a machine.</summary>
public enum MachineOperation
{
    /// <summary>Off to running.</summary>
    Start,

    /// <summary>Saved to running.</summary>
    Restore,

    /// <summary>Running to paused.</summary>
    Pause,

    /// <summary>Paused to running.</summary>
    Resume,

    /// <summary>Running or paused to saved.</summary>
    Save,

    /// <summary>The guest stands still for a moment that is kept; then it goes on as it was.</summary>
    Checkpoint,

    /// <summary>The guest is asked to shut down.</summary>
    ShutDown,

    /// <summary>As pulling the plug; ends every other operation.</summary>
    TurnOff,

    /// <summary>The reset button.</summary>
    Reset,

    /// <summary>The saved state is thrown away.</summary>
    DiscardSavedState,

    /// <summary>A saved state that lies ready becomes the machine's.</summary>
    AdoptSavedState,

    /// <summary>The guest goes to another host; it runs here until it runs there.</summary>
    Depart,
}
