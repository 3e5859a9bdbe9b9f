using Vireo.Machines.Configuration;

namespace Vireo.Commands.Services;

/// <summary>Checkpoints of machines. Each operation leaves a machine as before or as after, also when the host dies in the middle.</summary>
public interface ICheckpoints
{
    /// <summary>Keeps the machine as it is now: its disks and settings, and its memory unless the guest's file systems could be frozen.</summary>
    /// <param name="id">The machine.</param>
    /// <param name="name">Name of the checkpoint; null makes one.</param>
    /// <param name="progress">Told what is being done.</param>
    /// <param name="cancellation">Gives up; everything is as before.</param>
    Task<CheckpointConfiguration> TakeAsync(Guid id, string? name, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>
    /// Makes the machine what it was at a checkpoint. One that runs is turned off before, and started again when the checkpoint holds its memory.
    /// </summary>
    Task ApplyAsync(Guid id, Guid checkpoint, Action<string, int> progress, CancellationToken cancellation);

    /// <summary>Forgets checkpoints, those taken after them too when asked; their disks are merged in the background.</summary>
    Task RemoveAsync(Guid id, IReadOnlyCollection<Guid> checkpoints, bool withChildren, CancellationToken cancellation);

    /// <summary>Throws the memory of a checkpoint away; its disks stay.</summary>
    Task RemoveStateAsync(Guid id, Guid checkpoint, CancellationToken cancellation);
}
