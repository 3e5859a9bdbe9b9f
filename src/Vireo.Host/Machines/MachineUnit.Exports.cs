using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;
using Vireo.Control;
using Vireo.Host.Store;
using Vireo.Host.Transfers;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Machines;

/// <summary>How a machine goes out of a host and comes into one.</summary>
internal sealed partial class MachineUnit
{
    private const string Exported = "exported";
    private const string Moved = "moved to other storage";

    // What goes on with all of the machine's files, or null.
    private string? _transfer;

    /// <summary>After the machine was imported: nothing of it is open anywhere, and what was under way with its disks elsewhere is finished here.</summary>
    public async Task AdoptAsync()
    {
        await WithDisksAsync("adopt", () =>
        {
            if (!Configuration.HasSavedState)
            {
                // A state that nobody takes for the machine's must never meet newer disks.
                AtomicFile.Delete(MachineStore.SavedStateFile(Configuration));
            }

            return Task.CompletedTask;
        });
        await DropExportsAsync(CancellationToken.None);
    }

    /// <summary>
    /// Hands the machine to <paramref name="copy"/>: one that is off stays so meanwhile, one that runs goes on, and what is copied is a checkpoint
    /// that lives only as long.
    /// </summary>
    public async Task ExportAsync(CaptureLiveState live, Func<ExportSource, Task> copy, Action<string, int> progress, CancellationToken cancellation)
    {
        BeginTransfer(Exported);
        ExportSource? source = null;
        try
        {
            await TryDropExportsAsync();
            await WithDisksAsync("export", async () =>
            {
                PhysicalDisks.RefuseFor(Configuration, "cannot be exported");
                SharedDisks.RefuseFor(Configuration, "cannot be exported");
                if (_machine.Running is null)
                {
                    await copy(ExportSource.OfIdle(Configuration));
                    return;
                }

                var before = Configuration;
                _watch.SetClock();
                _cleaner.Hold();
                source = ExportSource.OfCheckpoint(before, await _checkpoints.TakeAsync($"Export of {Name}", progress, cancellation, live));
                CrashPoint.Hit("host.export.taken");
            }, cancellation);
            if (source is not null)
            {
                await copy(source);
            }
        }
        finally
        {
            _cleaner.Release();
            try
            {
                await TryDropExportsAsync();
            }
            finally
            {
                Volatile.Write(ref _transfer, null);
                _cleaner.Resume();
            }
        }
    }

    /// <summary>Hands the machine as it was at a checkpoint to <paramref name="copy"/>; its checkpoints stay meanwhile.</summary>
    public async Task ExportCheckpointAsync(Guid id, Func<ExportSource, Task> copy, CancellationToken cancellation)
    {
        BeginTransfer(Exported);
        try
        {
            ExportSource? source = null;
            await WithDisksAsync("export", () =>
            {
                _cleaner.Hold();
                source = ExportSource.OfKept(Configuration, _checkpoints.Require(id));
                return Task.CompletedTask;
            }, cancellation);
            await copy(source!);
        }
        finally
        {
            _cleaner.Release();
            Volatile.Write(ref _transfer, null);
            _cleaner.Resume();
        }
    }

    // What keeps the checkpoint of an export from going does not keep the machine "being exported": the next export, and the next host, try it again.
    private async Task TryDropExportsAsync()
    {
        try
        {
            await DropExportsAsync(CancellationToken.None);
        }
        catch (Exception refused) when (refused is CommandException or ControlException or IOException or UnauthorizedAccessException)
        {
            _services.Events.Write("ExportLeftover", $"The checkpoint that an export of '{Name}' was made from could not be removed; the next export tries it again: {refused.Message}", Configuration.Id);
        }
    }

    private Task DropExportsAsync(CancellationToken cancellation) => Configuration.Checkpoints.All.All(one => !one.IsForExport) ? Task.CompletedTask : WithDisksAsync("end an export", () =>
    {
        _checkpoints.Remove(Configuration.Checkpoints.All.Where(one => one.IsForExport).Select(one => one.Id).ToHashSet());
        return Task.CompletedTask;
    }, cancellation);

    private void BeginTransfer(string what)
    {
        if (Interlocked.CompareExchange(ref _transfer, what, null) is { } other)
        {
            throw Errors.State($"The virtual machine '{Name}' is being {other} already; wait for that to end.", Name);
        }
    }

    private void RequireNoTransfer()
    {
        if (Volatile.Read(ref _transfer) is { } other)
        {
            throw Errors.State($"The virtual machine '{Name}' is being {other}; its checkpoints stay until that has ended.", Name);
        }
    }

    private void RequireNoMove()
    {
        if (Volatile.Read(ref _transfer) is { } moved and (Moved or MovedAway))
        {
            throw Errors.State($"The virtual machine '{Name}' is being {moved}; wait for that to end, or cancel it.", Name);
        }
    }
}
