using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Host.History;
using Vireo.Host.Machines;
using Vireo.Platform.Files;

namespace Vireo.Host.Mobility;

/// <summary>Moves the storage of machines, so many at once as the host is told to.</summary>
/// <param name="find">The machine of an id; throws when there is none.</param>
/// <param name="queue">Whose turn it is.</param>
/// <param name="events">Events.</param>
internal sealed class StorageMoveService(Func<Guid, MachineUnit> find, MoveQueue queue, EventLog events) : IStorageMoves
{
    /// <inheritdoc/>
    public async Task MoveAsync(Guid id, StorageMoveRequest request, Action<string, int> progress, CancellationToken cancellation)
    {
        // Whoever is not there need not wait.
        find(id);
        using var turn = await queue.EnterAsync(() => progress("Waiting for other moves of storage to end", 0), cancellation);
        var unit = find(id);
        var name = unit.Configuration.Name;
        try
        {
            if (await unit.MoveStorageAsync(request, progress, cancellation))
            {
                events.Write("StorageMoved", $"The storage of the virtual machine '{name}' was moved to {Places(request)}.", id);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                AtomicFile.IsOutOfSpace(error) ? "OutOfDiskSpace" : "OperationFailed", AtomicFile.IsOutOfSpace(error) ? ErrorCategory.ResourceUnavailable : ErrorCategory.NotSpecified,
                $"The storage of the virtual machine '{name}' could not be moved, it is where it was: {error.Message}", name, error);
        }
    }

    private static string Places(StorageMoveRequest request) => string.Join(
        ", ",
        new[] { request.DestinationPath, request.VirtualMachinePath, request.SnapshotFilePath, request.SmartPagingFilePath }.OfType<string>().Concat(request.Disks.Values).Distinct().Select(path => $"'{path}'"));
}
