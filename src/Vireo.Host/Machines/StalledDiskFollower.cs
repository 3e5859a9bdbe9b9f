using Vireo.Control;
using Vireo.Control.Storage;

namespace Vireo.Host.Machines;

/// <summary>Tells machines when the storage below their disks is full or broken, and when it is not any more.</summary>
/// <param name="plane">The storage plane, asked without patience: where it is away the next question comes soon.</param>
/// <param name="machines">The machines.</param>
/// <param name="time">The clock.</param>
internal sealed class StalledDiskFollower(IStorageControl plane, MachineService machines, TimeProvider time)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>Follows them until the host ends.</summary>
    public async Task FollowAsync(CancellationToken stopping)
    {
        long known = 0;
        while (true)
        {
            try
            {
                var now = await plane.ListStalledAsync(known, stopping);
                if (now.Generation != known)
                {
                    known = now.Generation;
                    var disks = now.Disks.ToDictionary(disk => disk.Id);
                    foreach (var unit in machines.Units)
                    {
                        unit.SetStalled(disks);
                    }
                }
            }
            catch (ControlException)
            {
                // The plane is away, which others report; when it comes back, what waited waits again or is done.
                await Task.Delay(s_pause, time, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }
}
