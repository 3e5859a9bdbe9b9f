using System.Threading.Channels;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.GuestAgents;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Processes;

namespace Vireo.Machines;

/// <summary>Makes and finds machines. One per host.</summary>
public interface IMachineDriver
{
    /// <summary>The accelerator of this host; probed at the first call, remembered until the boot, kernel or QEMU changes.</summary>
    Task<Accelerators.AcceleratorReport> GetAcceleratorAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// The machine <paramref name="id"/>: adopts its process when one runs (a process that had not begun to run its guest is ended),
    /// finishes or undoes a save or restore that was cut short, else it is off or saved. Call once per machine and life of this process.
    /// </summary>
    /// <param name="id">Key of the machine.</param>
    /// <param name="runFolder">Its run folder.</param>
    /// <param name="hasSavedState">Its configuration says that a saved state exists.</param>
    /// <param name="cancellationToken">Ends the wait for QEMU's answer.</param>
    Task<IMachine> OpenAsync(Guid id, string runFolder, bool hasSavedState, CancellationToken cancellationToken = default);
}

/// <summary>How a machine is started.</summary>
public sealed record MachineStart
{
    /// <summary>What it should be.</summary>
    public required VirtualMachineConfiguration Configuration { get; init; }

    /// <summary>Where its parts are.</summary>
    public required MachineRuntimePlan Plan { get; init; }

    /// <summary>Saved state to go on from; null is a cold start.</summary>
    public string? SavedStatePath { get; init; }

    /// <summary>Its guest runs elsewhere and comes here; null is a start of its own. Not together with a saved state.</summary>
    public MachineArrival? Arrival { get; init; }

    /// <summary>
    /// Called when everything is set up and the guest is about to run for the first time; when it throws, the machine is ended and
    /// stays as it was. With a saved state this is the moment to delete it durably: the guest's disks are about to diverge from it.
    /// </summary>
    public Func<CancellationToken, Task>? BeforeRun { get; init; }
}

/// <summary>
/// One virtual machine, running or not. Operations are legal in the states that <see cref="MachineStateMachine"/> says and throw
/// <see cref="MachineStateException"/> else, <see cref="MachineException"/> when they fail; they run one after the other, only turning
/// off interrupts. Disposing lets go of the process and leaves it running.
/// </summary>
public interface IMachine : IAsyncDisposable
{
    /// <summary>Key of the machine.</summary>
    Guid Id { get; }

    /// <summary>The machine now.</summary>
    MachineStatus Status { get; }

    /// <summary>The guest's agent; its calls fail with <see cref="MachineErrorKind.GuestAgent"/> while there is none.</summary>
    IGuestAgent GuestAgent { get; }

    /// <summary>Events from now on until <paramref name="cancellationToken"/> is cancelled. A reader that falls 1,000 behind loses the oldest.</summary>
    ChannelReader<MachineEvent> Subscribe(CancellationToken cancellationToken = default);

    /// <summary>Off or saved to running. Ends with the guest's processors running, or with everything as before.</summary>
    Task StartAsync(MachineStart start, CancellationToken cancellationToken = default);

    /// <summary>Running to paused.</summary>
    Task PauseAsync(CancellationToken cancellationToken = default);

    /// <summary>Sends the guest a non-maskable interrupt.</summary>
    Task InterruptAsync(CancellationToken cancellationToken = default);

    /// <summary>Paused to running.</summary>
    Task ResumeAsync(CancellationToken cancellationToken = default);

    /// <summary>Asks the guest to shut down, by its agent or else by the power button, and waits until it is off.</summary>
    /// <exception cref="MachineException">It was not off after <paramref name="patience"/>; it is running as before.</exception>
    Task ShutDownAsync(TimeSpan patience, CancellationToken cancellationToken = default);

    /// <summary>Pulls the plug. Returns when the process is gone.</summary>
    Task TurnOffAsync(CancellationToken cancellationToken = default);

    /// <summary>Presses the reset button.</summary>
    Task ResetAsync(CancellationToken cancellationToken = default);

    /// <summary>Running or paused to saved: writes memory and devices to <paramref name="path"/>, which exists complete or not at all, and ends the process.</summary>
    /// <param name="path">The file to make.</param>
    /// <param name="beforeExit">Called when the file is durable and before the process ends: the moment to write down that a saved state exists. When it throws, the file is deleted and the guest goes on.</param>
    /// <param name="cancellationToken">Gives up; the guest goes on.</param>
    Task SaveAsync(string path, Func<CancellationToken, Task>? beforeExit = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Running or paused, and so again afterwards: the guest stands still while its state is written and <paramref name="meanwhile"/> does the
    /// rest. When something fails the guest goes on; a state file that is complete is the caller's to delete.
    /// </summary>
    /// <param name="statePath">Where memory and devices go, a file that exists complete or not at all; null keeps none.</param>
    /// <param name="meanwhile">Called while the guest stands still, after its state is durable.</param>
    /// <param name="cancellationToken">Gives up; the guest goes on.</param>
    Task CheckpointAsync(string? statePath, Func<CancellationToken, Task> meanwhile, CancellationToken cancellationToken = default);

    /// <summary>What a process on another host must know of this one's to take its place.</summary>
    Task<SavedStateHeader> DescribeStateAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Running to off: the guest goes to another host. It runs here until the other host has everything; it goes on here when anything fails before that
    /// host has taken it.
    /// </summary>
    /// <exception cref="HandOverUnknownException">It stands still, see <see cref="EndDepartureAsync"/>.</exception>
    Task DepartAsync(MachineDeparture departure, CancellationToken cancellationToken = default);

    /// <summary>The guest stands still because it is not known whether another host has taken it; nothing else can be done with it until that is said.</summary>
    bool IsLeaving { get; }

    /// <summary>Says what became of a guest that <see cref="IsLeaving"/>: it was taken, and its process is ended, or it was not, and goes on.</summary>
    Task EndDepartureAsync(bool wasTaken, CancellationToken cancellationToken = default);

    /// <summary>The disks of drives of the running process are other files now: whoever serves them changed them under the guest.</summary>
    void MoveDrives(IReadOnlyDictionary<Guid, string> paths);

    /// <summary>Saved to off. The file is the caller's to delete, before.</summary>
    void DiscardSavedState();

    /// <summary>Off to saved: a state that the caller has put where its configuration says.</summary>
    void AdoptSavedState();

    /// <summary>
    /// What the process has now: as it was started, and as it was changed since. Written down with the process, so that a host that died
    /// during a change knows at its next start how far it came. Null without a process.
    /// </summary>
    RunningMachine? Running { get; }

    /// <summary>Puts the disk that <paramref name="drive"/> names into its DVD drive; without a path it is ejected. Asking again finishes what was cut short.</summary>
    Task ChangeMediumAsync(DriveConfiguration drive, DriveConnection? medium, CancellationToken cancellationToken = default);

    /// <summary>Adds a hard disk on the SCSI bus to the running machine. Asking again finishes what was cut short.</summary>
    Task AddDriveAsync(DriveConfiguration drive, DriveConnection connection, CancellationToken cancellationToken = default);

    /// <summary>Removes a hard disk on the SCSI bus from the running machine; the guest has to agree.</summary>
    /// <exception cref="MachineException">It did not in time. It may do so later, see <see cref="MachineDriveReleased"/>.</exception>
    Task RemoveDriveAsync(Guid driveId, CancellationToken cancellationToken = default);

    /// <summary>Forgets hard disks that the guest let go of after nobody waited for it any more; returns them.</summary>
    Task<IReadOnlyList<DriveConfiguration>> ForgetReleasedDrivesAsync(CancellationToken cancellationToken = default);

    /// <summary>Plugs the cable of an adapter in when it is connected to a switch, else out.</summary>
    Task SetAdapterAsync(NetworkAdapterConfiguration adapter, CancellationToken cancellationToken = default);

    /// <summary>Switches the heartbeat service on or off; it takes effect at once.</summary>
    void EnableHeartbeat(bool enabled);

    /// <summary>What keeps a disk of the guest from answering, in a sentence for its owner; null when nothing does. The machine is critical meanwhile.</summary>
    void SetDriveTrouble(string? reason);

    /// <summary>The process, by a name that no other one ever has; null without one.</summary>
    ProcessIdentity? Process { get; }

    /// <summary>Where the memory of the running guest is; null without a process.</summary>
    MemoryPlace? MemoryPlace { get; }

    /// <summary>Processor time used since the start; null without a process.</summary>
    TimeSpan? ProcessorTime { get; }

    /// <summary>Memory that the guest has now and, when its driver tells, what it uses; null without a process.</summary>
    Task<MachineMemory?> GetMemoryAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Asks the guest to have <paramref name="bytes"/> of memory; it follows as its drivers can. Beyond its startup memory it gets memory
    /// plugged (virtio-mem), below it gives memory back (balloon). Asking again is harmless, and makes a guest that cannot unplug give other
    /// memory back instead.
    /// </summary>
    /// <returns>False when it was not asked: it does not run, or another operation is under way.</returns>
    Task<bool> SetMemoryAsync(long bytes, CancellationToken cancellationToken = default);

    /// <summary>Sets the running machine's share of the host's processors; nothing happens without a process, or where there are no control groups.</summary>
    /// <param name="weight">Weight among machines, 1 to 10000.</param>
    /// <param name="most">The most processors that it may use; null is no limit.</param>
    /// <exception cref="MachineException">Its control group does not take it.</exception>
    void SetProcessors(int weight, double? most);

    /// <summary>The last lines that the guest wrote to COM 1 or COM 2, oldest first; also after it ended.</summary>
    IReadOnlyList<string> ReadConsole(int comPort = 1, int lines = 20);

    /// <summary>The command line of the last start, one option per line, for people; null when there is none.</summary>
    string? CommandLine { get; }
}

/// <summary>What a machine's process has.</summary>
/// <param name="Configuration">Its devices are those in the process; the rest is as at the start.</param>
/// <param name="Plan">Where they are served.</param>
public sealed record RunningMachine(VirtualMachineConfiguration Configuration, MachineRuntimePlan Plan);

/// <summary>Where the memory of a running guest is.</summary>
/// <param name="File">A name of the file that the memory is which it starts with, good while the process lives; null when it was not found.</param>
/// <param name="ControlGroupFolders">Folders of the process's control group.</param>
public sealed record MemoryPlace(string? File, IReadOnlyList<string> ControlGroupFolders);

/// <summary>Memory of a running guest, in bytes.</summary>
/// <param name="AssignedBytes">What it has: its startup memory without what its balloon took, and what was plugged.</param>
/// <param name="AvailableBytes">What it can use without swapping, as its balloon driver says; null when it does not.</param>
/// <param name="TotalBytes">What it sees, as its balloon driver says.</param>
/// <param name="SwappedBytes">What it wrote to its swap and read from it since its start, as its balloon driver says.</param>
/// <param name="ToldAt">When its balloon driver spoke last; null when it has not.</param>
public sealed record MachineMemory(long AssignedBytes, long? AvailableBytes, long? TotalBytes, long? SwappedBytes = null, DateTimeOffset? ToldAt = null);
