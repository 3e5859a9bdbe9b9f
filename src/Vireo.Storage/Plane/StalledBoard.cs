using Vireo.Control.Storage;

namespace Vireo.Storage.Plane;

/// <summary>Which disks' guests wait for the storage below, for whoever wants to know at once. From any thread.</summary>
/// <param name="time">Clock of the wait.</param>
internal sealed class StalledBoard(TimeProvider time)
{
    private readonly Lock _change = new();
    private readonly Dictionary<Guid, StalledDisk> _disks = [];

    // A reader that knows the list of a plane that died must not take it for this one's.
    // Allowed: nothing is decided by it.
    private long _generation = Random.Shared.NextInt64(1, long.MaxValue / 2);
    private TaskCompletionSource _changed = New();

    /// <summary>A disk's guest waits, or does so no longer (null).</summary>
    public void Set(Guid id, StalledDisk? disk)
    {
        lock (_change)
        {
            if (disk is null ? !_disks.Remove(id) : _disks.TryGetValue(id, out var known) && known == disk)
            {
                return;
            }

            if (disk is not null)
            {
                _disks[id] = disk;
            }

            _generation++;
            _changed.SetResult();
            _changed = New();
        }
    }

    /// <summary>The list, once it is another one than <paramref name="known"/>, or <paramref name="patience"/> is over.</summary>
    public async Task<StalledDisks> AfterAsync(long known, TimeSpan patience, CancellationToken cancellation)
    {
        Task changed;
        lock (_change)
        {
            if (_generation != known)
            {
                return Now();
            }

            changed = _changed.Task;
        }

        await changed.WaitAsync(patience, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_change)
        {
            return Now();
        }
    }

    private StalledDisks Now() => new(_generation, [.. _disks.Values]);

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
