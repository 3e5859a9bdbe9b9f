using Vireo.Host.History;
using Vireo.Machines;
using Vireo.Machines.States;

namespace Vireo.Host.Machines;

/// <summary>Events of machines as events of the host.</summary>
internal static class EventWriter
{
    /// <summary>Writes what happened, in a sentence.</summary>
    public static void Write(EventLog events, string name, MachineEvent happened)
    {
        if (happened is MachineDriveReleased)
        {
            // Told by whoever finds out whether it was waited for.
            return;
        }

        var (kind, message) = happened switch
        {
            MachineStateChanged state => ("MachineStateChanged", $"The virtual machine '{name}' is {state.State}; it was {state.Previous}."),
            MachineExited { Exit.Kind: MachineExitKind.Killed or MachineExitKind.Failed or MachineExitKind.Unknown } exit =>
                ("MachineFailed", $"The virtual machine '{name}' ended unexpectedly: {exit.Exit.Sentence}"),
            MachineExited exit => ("MachineExited", $"The virtual machine '{name}' ended: {exit.Exit.Sentence}"),
            MachineHeartbeatChanged heartbeat => ("HeartbeatChanged", $"The heartbeat of the virtual machine '{name}' is {heartbeat.Heartbeat}."),
            MachineWasReset reset => ("MachineReset", $"The virtual machine '{name}' was reset{(reset.ByGuest ? " by its guest" : "")}."),
            MachineGuestPanicked => ("GuestPanicked", $"The guest of the virtual machine '{name}' crashed."),
            MachineDriveFailed drive => ("DriveFailed", $"A drive of the virtual machine '{name}' failed to {(drive.IsWrite ? "write" : "read")}: {drive.Reason}."),
            MachineCriticalChanged { Reason: { } reason } => ("MachineCritical", $"The virtual machine '{name}' is in a critical condition: {reason}"),
            MachineCriticalChanged => ("MachineCriticalEnded", $"The virtual machine '{name}' is no longer in a critical condition."),
            _ => (happened.GetType().Name, $"{happened.GetType().Name} of the virtual machine '{name}'."),
        };
        events.Write(kind, message, happened.MachineId);
    }
}
