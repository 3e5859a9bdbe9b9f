using Microsoft.HyperV.PowerShell;
using Vireo.Machines.States;

namespace Vireo.Host.Machines;

/// <summary>States of the machine room in the words of the model.</summary>
internal static class StateMapper
{
    /// <summary>The state, critical where it is.</summary>
    public static VMState ToModel(Vireo.Machines.States.MachineStatus status)
    {
        var critical = status.CriticalReason is not null;
        return status.State switch
        {
            MachineState.Off => critical ? VMState.OffCritical : VMState.Off,
            MachineState.Starting => critical ? VMState.StartingCritical : VMState.Starting,
            MachineState.Running => critical ? VMState.RunningCritical : VMState.Running,
            MachineState.Pausing => critical ? VMState.PausingCritical : VMState.Pausing,
            MachineState.Paused => critical ? VMState.PausedCritical : VMState.Paused,
            MachineState.Resuming => critical ? VMState.ResumingCritical : VMState.Resuming,
            MachineState.Saving => critical ? VMState.SavingCritical : VMState.Saving,
            MachineState.Saved => critical ? VMState.SavedCritical : VMState.Saved,
            MachineState.Stopping => critical ? VMState.StoppingCritical : VMState.Stopping,
            MachineState.Resetting => critical ? VMState.ResetCritical : VMState.Reset,
            _ => VMState.Other,
        };
    }

    /// <summary>The phrase scripts compare with.</summary>
    public static string Describe(MachineState state) => state switch
    {
        MachineState.Starting => "Starting",
        MachineState.Stopping => "Stopping",
        MachineState.Saving => "Saving",
        _ => "Operating normally",
    };

    /// <summary>The heartbeat; null when no guest is in memory.</summary>
    public static VMHeartbeatStatus? ToModel(HeartbeatStatus heartbeat, MachineState state) => state switch
    {
        MachineState.Off or MachineState.Saved => null,
        _ => heartbeat switch
        {
            HeartbeatStatus.Disabled => VMHeartbeatStatus.Disabled,
            HeartbeatStatus.OkApplicationsUnknown => VMHeartbeatStatus.OkApplicationsUnknown,
            HeartbeatStatus.LostCommunication => VMHeartbeatStatus.LostCommunication,
            HeartbeatStatus.Paused => VMHeartbeatStatus.Paused,
            _ => VMHeartbeatStatus.NoContact,
        },
    };
}
