using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Control.Storage;
using Vireo.Host.History;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mounts;

/// <summary>
/// Virtual hard disks as block devices of this computer. The storage plane serves the disk, and opens it again when it is started again; what
/// makes a device of that outlives host and plane. A mount has a file from before its first step until after its last, so that a host that
/// was killed takes up what is whole and undoes the rest.
/// </summary>
internal sealed class MountService(IStorageControl storage, HostPaths paths, MountStore store, FileDevice devices, EventLog events) : IMounts, IDisposable
{
    private readonly SemaphoreSlim _changing = new(1, 1);
    private volatile Dictionary<Guid, MountRecord> _records = store.Load().ToDictionary(static record => record.Id);

    /// <summary>Who uses a disk in a running machine: its name, or null. Set before the first request.</summary>
    public Func<string, string?> MachineWith { get; set; } = static _ => null;

    /// <inheritdoc/>
    public IReadOnlyList<MountedDisk> All =>
        [.. _records.Values.Where(static record => record.DevicePath is not null).Select(Describe).OrderBy(static disk => disk.Number)];

    /// <inheritdoc/>
    public string? FindDevice(uint number) => BlockDevices.Find(number);

    /// <summary>
    /// After a start: what is whole is served again, what is not is undone. Returns what could not be done yet.
    /// </summary>
    public Task<IReadOnlyList<string>> ReconcileAsync(CancellationToken cancellation) => InTurnAsync(async () =>
    {
        var failures = new List<string>();
        foreach (var record in _records.Values)
        {
            try
            {
                if (record.DevicePath is { } device && devices.IsWhole(record.Id, device))
                {
                    await storage.OpenDiskAsync(Attachment(record), cancellation);
                    continue;
                }

                await UndoAsync(record, cancellation);
                if (record.DevicePath is not null)
                {
                    events.Write("DiskDismounted", $"The disk '{record.Path}' is no longer mounted: its device '{record.DevicePath}' went with the computer or with the process behind it. Mount it again where it is needed.", null);
                }
            }
            catch (Exception error) when (error is ControlException or IOException)
            {
                failures.Add($"{record.Path}: {error.Message}");
            }
        }

        return (IReadOnlyList<string>)failures;
    }, cancellation);

    /// <inheritdoc/>
    public Task<MountedDisk> MountAsync(string path, bool readOnly, CancellationToken cancellation) => InTurnAsync(async () =>
    {
        if (_records.Values.FirstOrDefault(record => record.Path == path) is { } present)
        {
            throw InUse($"The disk '{path}' is mounted already{(present.DevicePath is { } device ? $", as '{device}'" : "")}; 'Dismount-VHD' ends that.", path);
        }

        if (MachineWith(path) is { } machine)
        {
            throw InUse($"The disk '{path}' is in use by the virtual machine '{machine}'; shut it down first.", path);
        }

        if (FileDevice.Missing() is { } missing)
        {
            throw Errors.NotSupported($"The disk '{path}' cannot be mounted on this computer: {missing}.", path);
        }

        var record = new MountRecord { Id = Guid.NewGuid(), Path = path, ReadOnly = readOnly };
        Save(record);
        CrashPoint.Hit("host.mount.recorded");
        try
        {
            var disk = await storage.OpenDiskAsync(Attachment(record), cancellation);
            CrashPoint.Hit("host.mount.opened");
            var made = await devices.AttachAsync(record.Id, readOnly, disk.LogicalSectorBytes, cancellation);
            CrashPoint.Hit("host.mount.attached");
            record = record with
            {
                DevicePath = made,
                Number = BlockDevices.NumberOf(made) ?? throw new IOException($"the kernel gives '{made}' no number (diskseq, Linux 5.15)"),
            };
            Save(record);
            return Describe(record);
        }
        catch (Exception error)
        {
            await UndoAsync(record, CancellationToken.None);
            throw error is IOException ? new CommandException("OperationFailed", ErrorCategory.NotSpecified, $"The disk '{path}' could not be mounted: {error.Message}.", path, error) : error;
        }
    }, cancellation);

    /// <inheritdoc/>
    public Task DismountAsync(Guid id, CancellationToken cancellation) => InTurnAsync(async () =>
    {
        if (!_records.TryGetValue(id, out var record))
        {
            return true;
        }

        try
        {
            if (record.DevicePath is { } device && devices.IsWhole(id, device) && !FileDevice.TryFlush(device, record.ReadOnly, out var user))
            {
                throw InUse($"The disk '{record.Path}' cannot be dismounted: {user}. End that first.", record.Path);
            }

            // From here on a host that starts again goes on with this.
            record = record with { DevicePath = null };
            Save(record);
            CrashPoint.Hit("host.dismount.noted");
            await UndoAsync(record, CancellationToken.None);
            return true;
        }
        catch (IOException error)
        {
            throw new CommandException("OperationFailed", ErrorCategory.NotSpecified, $"The disk '{record.Path}' could not be dismounted: {error.Message}.", record.Path, error);
        }
    }, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _changing.Dispose();

    // Each step finds what there is, so that it may be begun again from anywhere.
    private async Task UndoAsync(MountRecord record, CancellationToken cancellation)
    {
        await devices.DetachAsync(record.Id, cancellation);
        CrashPoint.Hit("host.dismount.detached");
        await storage.CloseDiskAsync(record.Id, cancellation);
        CrashPoint.Hit("host.dismount.closed");
        store.Remove(record.Id);
        var records = new Dictionary<Guid, MountRecord>(_records);
        records.Remove(record.Id);
        _records = records;
    }

    private void Save(MountRecord record)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(paths.MountFile(record.Id))!);
        store.Save(record);
        _records = new Dictionary<Guid, MountRecord>(_records) { [record.Id] = record };
    }

    private DiskAttachment Attachment(MountRecord record) => new(record.Id, record.Path, record.ReadOnly, FrontEndKind.Nbd, paths.MountSocket(record.Id));

    private static MountedDisk Describe(MountRecord record) => new(record.Id, record.Path, record.ReadOnly, record.DevicePath!, record.Number, FileDevice.MethodOf(record.DevicePath!));

    private static CommandException InUse(string message, string path) => new("ObjectInUse", ErrorCategory.ResourceBusy, message, path);

    private async Task<T> InTurnAsync<T>(Func<Task<T>> change, CancellationToken cancellation)
    {
        await _changing.WaitAsync(cancellation);
        try
        {
            return await change();
        }
        finally
        {
            _changing.Release();
        }
    }
}
