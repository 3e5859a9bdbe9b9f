using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control.Storage;
using Vireo.Host.History;
using Vireo.Host.Machines;
using Vireo.Host.Store;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Transfers;

/// <summary>
/// Exports machines. An export is made in a hidden folder beside its final place, which is written down before, and gets its name when it is complete;
/// what a host that died left is deleted at the next start.
/// </summary>
/// <param name="find">The machine of an id; throws when there is none.</param>
/// <param name="journal">Exports under way.</param>
/// <param name="storage">The storage plane.</param>
/// <param name="switchName">Name of a switch, or null.</param>
/// <param name="events">Events.</param>
internal sealed class ExportService(Func<Guid, MachineUnit> find, ExportJournal journal, IStorageControl storage, Func<Guid, string?> switchName, EventLog events) : IExports
{
    /// <inheritdoc/>
    public Task<string> ExportAsync(Guid id, string folder, CaptureLiveState live, Action<string, int> progress, CancellationToken cancellation) =>
        MakeAsync(find(id), folder, (unit, copy) => unit.ExportAsync(live, copy, progress, cancellation), progress, cancellation);

    /// <inheritdoc/>
    public Task<string> ExportCheckpointAsync(Guid id, Guid checkpoint, string folder, Action<string, int> progress, CancellationToken cancellation) =>
        MakeAsync(find(id), folder, (unit, copy) => unit.ExportCheckpointAsync(checkpoint, copy, cancellation), progress, cancellation);

    private async Task<string> MakeAsync(
        MachineUnit unit, string folder, Func<MachineUnit, Func<ExportSource, Task>, Task> export, Action<string, int> progress, CancellationToken cancellation)
    {
        var name = unit.Configuration.Name;
        var final = Path.Combine(folder, DiskPaths.SafeName(name));
        if (Path.Exists(final))
        {
            throw Errors.Exists($"The virtual machine '{name}' cannot be exported: '{final}' exists already; choose another folder, or move that away.", final);
        }

        ExportRecord record;
        try
        {
            NewFolders.Make(folder);
            record = journal.Begin(final);
            Directory.CreateDirectory(record.Folder);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw Errors.NotFound($"The virtual machine '{name}' cannot be exported to '{folder}': {refused.Message}", folder);
        }

        try
        {
            CrashPoint.Hit("host.export.begun");
            await export(unit, source => CopyAsync(source, record.Folder, final, progress, cancellation));
            Directory.Move(record.Folder, final);
            CrashPoint.Hit("host.export.published");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                AtomicFile.IsOutOfSpace(error) ? "OutOfDiskSpace" : "OperationFailed", AtomicFile.IsOutOfSpace(error) ? ErrorCategory.ResourceUnavailable : ErrorCategory.NotSpecified,
                $"The virtual machine '{name}' could not be exported to '{final}': {error.Message}", final, error);
        }
        finally
        {
            End(record, unit);
        }

        try
        {
            AtomicFile.SyncFolder(folder);
        }
        catch (IOException error)
        {
            throw new CommandException(
                "OperationFailed", ErrorCategory.NotSpecified, $"The virtual machine '{name}' was exported to '{final}', which is complete, but a power cut may still take it away: {error.Message}", final, error);
        }

        events.Write("MachineExported", $"The virtual machine '{name}' was exported to '{final}'.", unit.Configuration.Id);
        return final;
    }

    private async Task CopyAsync(ExportSource source, string making, string final, Action<string, int> progress, CancellationToken cancellation)
    {
        var layout = await ExportLayout.PlanAsync(source, making, final, storage, switchName, cancellation);
        foreach (var folder in layout.Files.Select(file => Path.GetDirectoryName(file.Target)!).Distinct())
        {
            Directory.CreateDirectory(folder);
        }

        await new FilesToCopy(storage, layout.Files, "host.export.copied").RunAsync(static file => file.Target, static (_, _) => { }, progress, cancellation);
        MachineStore.Save(layout.Machine, making);
        foreach (var folder in Directory.EnumerateDirectories(making).Append(making))
        {
            AtomicFile.SyncFolder(folder);
        }

        cancellation.ThrowIfCancellationRequested();
    }

    // After success there is nothing under the old name. What cannot be deleted now is by the next start; why the export failed is what is told.
    private void End(ExportRecord record, MachineUnit unit)
    {
        try
        {
            journal.End(record);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            events.Write("ExportNotCleaned", $"What an export of '{unit.Configuration.Name}' left in '{record.Folder}' could not be deleted yet; it is tried again when the host starts: {refused.Message}", unit.Configuration.Id);
        }
    }
}
