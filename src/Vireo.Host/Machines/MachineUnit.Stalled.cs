using Vireo.Commands.Support;
using Vireo.Control.Storage;

namespace Vireo.Host.Machines;

/// <summary>What happens to a machine one of whose disks waits for the storage below.</summary>
internal sealed partial class MachineUnit
{
    private StalledDisk? _stalled;

    /// <summary>Takes note of which disks wait.</summary>
    /// <param name="disks">All of the host that do, by drive.</param>
    public void SetStalled(IReadOnlyDictionary<Guid, StalledDisk> disks)
    {
        var before = Volatile.Read(ref _stalled);
        var now = Configuration.Drives.Select(drive => disks.GetValueOrDefault(drive.Id)).FirstOrDefault(disk => disk is not null);
        if (now == before)
        {
            return;
        }

        Volatile.Write(ref _stalled, now);
        _machine.SetDriveTrouble(now is null ? null : Describe(now));
        if (now is null)
        {
            _services.Events.Write("DriveGoesOn", $"The storage of the disk '{before!.Path}' of the virtual machine '{Name}' takes what it is given again; the guest goes on.", Configuration.Id);
        }
        else
        {
            _services.Events.Write("DriveStalled", $"The guest of the virtual machine '{Name}' waits: {Describe(now)}", Configuration.Id);
        }

        NotifyChanged();
    }

    private static string Describe(StalledDisk disk) => disk.IsFull
        ? $"There is no room for the disk '{disk.Path}'. Make room; the guest then goes on by itself."
        : $"The storage of the disk '{disk.Path}' gives errors. It is tried every second; the guest goes on by itself when that works.";

    // What the guest waits for is known to the storage plane alone: a guest that woke up elsewhere would wait for ever.
    private void RequireNotStalled()
    {
        if (Volatile.Read(ref _stalled) is { } disk)
        {
            throw Errors.State($"This cannot be done with the virtual machine '{Name}' while its guest waits for a disk. {Describe(disk)}", Name);
        }
    }
}
