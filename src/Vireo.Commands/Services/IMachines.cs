using Microsoft.HyperV.PowerShell;
using Vireo.Control.Storage;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>What a machine is doing now.</summary>
/// <param name="State">State.</param>
/// <param name="StatusText">One phrase for people, <c>Operating normally</c> when all is well.</param>
/// <param name="Uptime">Time since the start or the last reset; zero when it is off.</param>
/// <param name="CpuUsagePercent">Share of the host's processors.</param>
/// <param name="MemoryAssignedBytes">Memory the machine has; 0 when it is off.</param>
/// <param name="MemoryDemandBytes">Memory the guest wants; 0 when it is off.</param>
/// <param name="Heartbeat">Heartbeat; null when it is off.</param>
/// <param name="GuestAddresses">Addresses the guest reports, by MAC address in twelve hexadecimal digits.</param>
/// <param name="StartedAt">When the guest was started, or reset last; null when it is off.</param>
/// <param name="MemoryStatus">How it is off with its memory: <c>OK</c>, <c>Low</c>, <c>Warning</c>, <c>Paging</c>; empty when it is off.</param>
/// <param name="SmartPagingFileInUse">Some of the guest's memory is in a smart paging file.</param>
public sealed record MachineStatus(
    VMState State, string StatusText, TimeSpan Uptime, int CpuUsagePercent, long MemoryAssignedBytes, long MemoryDemandBytes,
    VMHeartbeatStatus? Heartbeat, IReadOnlyDictionary<string, string[]> GuestAddresses, DateTimeOffset? StartedAt = null, string MemoryStatus = "", bool SmartPagingFileInUse = false)
{
    /// <summary>A machine that does nothing, as one at a checkpoint.</summary>
    public static MachineStatus Off { get; } = new(VMState.Off, "", TimeSpan.Zero, 0, 0, 0, null, new Dictionary<string, string[]>(StringComparer.Ordinal));

    /// <summary>Nothing of the machine is in memory: its devices may be changed freely.</summary>
    public bool IsOff => State is VMState.Off or VMState.OffCritical;

    /// <summary>A guest is in memory, running or paused.</summary>
    public bool IsActive => State is VMState.Running or VMState.Paused or VMState.RunningCritical or VMState.PausedCritical;

    /// <summary>The guest reports an address by which others reach it.</summary>
    public bool HasReachableAddress => IsReachable(GuestAddresses);

    /// <summary>Whether others reach a guest with these addresses: a link-local one only says that an interface is up.</summary>
    public static bool IsReachable(IReadOnlyDictionary<string, string[]> addresses) => addresses.Values.Any(some => some.Any(address =>
        !address.StartsWith("fe80:", StringComparison.OrdinalIgnoreCase) && !address.StartsWith("169.254.", StringComparison.Ordinal)));
}

/// <summary>
/// The machines of this host: what they should be, and what they do. Operations on one machine run one at a time; each leaves it as
/// before or as after, also when the host dies in the middle.
/// </summary>
public interface IMachines
{
    /// <summary>All machines, in order of their names.</summary>
    IReadOnlyList<VirtualMachineConfiguration> All { get; }

    /// <summary>One machine, or null.</summary>
    VirtualMachineConfiguration? Find(Guid id);

    /// <summary>What it does now.</summary>
    MachineStatus StatusOf(Guid id);

    /// <summary>Registers a new machine and, before it, makes <paramref name="newDisk"/>; both or neither.</summary>
    Task CreateAsync(VirtualMachineConfiguration configuration, CreateImage? newDisk, CancellationToken cancellation);

    /// <summary>
    /// Replaces a machine's configuration by what <paramref name="change"/> makes of it, and applies to a running machine what can be
    /// applied. The change sees the state it will be applied in, and refuses by throwing.
    /// </summary>
    Task<VirtualMachineConfiguration> ChangeAsync(
        Guid id, Func<VirtualMachineConfiguration, MachineStatus, VirtualMachineConfiguration> change, CancellationToken cancellation);

    /// <summary>Forgets a machine that is off and removes its configuration and saved state; disks stay.</summary>
    Task RemoveAsync(Guid id, CancellationToken cancellation);

    /// <summary>Starts a machine, or resumes one from its saved state.</summary>
    Task StartAsync(Guid id, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Cuts a machine's power.</summary>
    Task TurnOffAsync(Guid id, CancellationToken cancellation);

    /// <summary>Asks the guest to shut down and waits until it has.</summary>
    Task ShutDownAsync(Guid id, bool force, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Resets a machine, as its reset button would.</summary>
    Task ResetAsync(Guid id, CancellationToken cancellation);

    /// <summary>Sends a running guest a non-maskable interrupt.</summary>
    Task InterruptAsync(Guid id, CancellationToken cancellation);

    /// <summary>Stops the processors.</summary>
    Task PauseAsync(Guid id, CancellationToken cancellation);

    /// <summary>Lets the processors go on.</summary>
    Task ResumeAsync(Guid id, CancellationToken cancellation);

    /// <summary>Writes memory and device state to a file and turns the machine off.</summary>
    Task SaveAsync(Guid id, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Completes when something about the machine changed, or after a while.</summary>
    Task WaitForChangeAsync(Guid id, CancellationToken cancellation);
}
