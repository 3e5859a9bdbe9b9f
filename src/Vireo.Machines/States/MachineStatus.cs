using Vireo.Machines.Accelerators;

namespace Vireo.Machines.States;

/// <summary>Heartbeat of the guest, judged by its agent.</summary>
public enum HeartbeatStatus
{
    /// <summary>The service is switched off, or the machine does not run.</summary>
    Disabled,

    /// <summary>The agent has not answered since the guest started.</summary>
    NoContact,

    /// <summary>The agent answers; it does not judge applications.</summary>
    OkApplicationsUnknown,

    /// <summary>The agent answered before, and no longer does.</summary>
    LostCommunication,

    /// <summary>The machine is paused.</summary>
    Paused,
}

/// <summary>A machine at one instant.</summary>
public sealed record MachineStatus
{
    /// <summary>Key of the machine.</summary>
    public required Guid MachineId { get; init; }

    /// <summary>State.</summary>
    public required MachineState State { get; init; }

    /// <summary>When the state was entered.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Why the state is critical, in a sentence (for example a disk that gives errors); null when it is not.</summary>
    public string? CriticalReason { get; init; }

    /// <summary>Heartbeat.</summary>
    public HeartbeatStatus Heartbeat { get; init; } = HeartbeatStatus.Disabled;

    /// <summary>When the guest was started, or reset last; null without a process.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>Process id of QEMU; null without a process.</summary>
    public int? ProcessId { get; init; }

    /// <summary>What executes the guest; null without a process.</summary>
    public AcceleratorKind? Accelerator { get; init; }

    /// <summary>How the last process ended; null when none did since this object was made.</summary>
    public MachineExit? LastExit { get; init; }
}

/// <summary>Why a machine's process ended.</summary>
public enum MachineExitKind
{
    /// <summary>The guest shut down.</summary>
    GuestShutDown,

    /// <summary>It was turned off by us.</summary>
    TurnedOff,

    /// <summary>Its state was saved.</summary>
    Saved,

    /// <summary>A signal ended it.</summary>
    Killed,

    /// <summary>QEMU gave up with an error.</summary>
    Failed,

    /// <summary>It ended while nobody watched, and left no word.</summary>
    Unknown,
}

/// <summary>How a machine's process ended.</summary>
/// <param name="Kind">Why.</param>
/// <param name="Sentence">The same for people.</param>
/// <param name="ExitCode">Exit status, if known.</param>
/// <param name="Signal">Signal that ended it, if known.</param>
/// <param name="LastLogLines">The end of QEMU's log.</param>
public sealed record MachineExit(MachineExitKind Kind, string Sentence, int? ExitCode, int? Signal, IReadOnlyList<string> LastLogLines);
