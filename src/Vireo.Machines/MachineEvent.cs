using Vireo.Machines.States;

namespace Vireo.Machines;

/// <summary>Something that happened to a machine.</summary>
/// <param name="MachineId">Key of the machine.</param>
/// <param name="Time">When it was noticed.</param>
public abstract record MachineEvent(Guid MachineId, DateTimeOffset Time);

/// <summary>The state changed.</summary>
public sealed record MachineStateChanged(Guid MachineId, DateTimeOffset Time, MachineState Previous, MachineState State)
    : MachineEvent(MachineId, Time);

/// <summary>The process ended, asked for or not.</summary>
public sealed record MachineExited(Guid MachineId, DateTimeOffset Time, MachineExit Exit) : MachineEvent(MachineId, Time);

/// <summary>The heartbeat changed.</summary>
public sealed record MachineHeartbeatChanged(Guid MachineId, DateTimeOffset Time, HeartbeatStatus Previous, HeartbeatStatus Heartbeat)
    : MachineEvent(MachineId, Time);

/// <summary>The guest restarted itself, or was reset.</summary>
/// <param name="ByGuest">The guest did it.</param>
public sealed record MachineWasReset(Guid MachineId, DateTimeOffset Time, bool ByGuest) : MachineEvent(MachineId, Time);

/// <summary>The guest's kernel reported that it crashed (pvpanic). What happens next is the guest's own affair: it may restart itself.</summary>
public sealed record MachineGuestPanicked(Guid MachineId, DateTimeOffset Time) : MachineEvent(MachineId, Time);

/// <summary>A drive gave an input or output error.</summary>
/// <param name="DriveId">The drive, when it is one of ours.</param>
/// <param name="IsWrite">A write failed, not a read.</param>
/// <param name="Reason">QEMU's word for it.</param>
public sealed record MachineDriveFailed(Guid MachineId, DateTimeOffset Time, Guid? DriveId, bool IsWrite, string Reason)
    : MachineEvent(MachineId, Time);

/// <summary>
/// The guest let go of a hard disk: because it was asked to, perhaps long after nobody waited for it any more.
/// <see cref="IMachine.ForgetReleasedDrivesAsync"/> says whether something is left to do.
/// </summary>
public sealed record MachineDriveReleased(Guid MachineId, DateTimeOffset Time) : MachineEvent(MachineId, Time);

/// <summary>The critical condition began, changed or ended (null).</summary>
public sealed record MachineCriticalChanged(Guid MachineId, DateTimeOffset Time, string? Reason) : MachineEvent(MachineId, Time);
