using System.Text.Json.Nodes;
using Vireo.Machines.Qmp;
using Vireo.Platform.Files;

namespace Vireo.Machines.Running;

/// <summary>Moves the state of a machine (memory, devices) between its process and a file.</summary>
/// <param name="process">The process.</param>
/// <param name="time">Clock.</param>
internal sealed class StateTransfer(MachineProcess process, TimeProvider time)
{
    // The disk is the limit, not QEMU's idea of a network.
    private const long BytesPerSecond = 1L << 40;

    /// <summary>Writes the state to <paramref name="path"/>; durable when this returns. The guest must stand still.</summary>
    /// <exception cref="MachineException">It could not be written; no file is left.</exception>
    public async Task SaveAsync(string path, CancellationToken cancellationToken)
    {
        var partial = $"{path}.partial";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            File.Delete(partial);
            var header = await new MemoryTransfer(process, time).DescribeAsync(cancellationToken).ConfigureAwait(false);
            using (var file = SavedState.Create(partial, header))
            {
                await WriteStreamAsync(file, cancellationToken).ConfigureAwait(false);
            }

            File.Move(partial, path, overwrite: true);
            AtomicFile.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            DeleteIfThere(partial);
            throw new MachineException(MachineErrorKind.SavedState, $"The state could not be saved to '{path}': {exception.Message}", exception);
        }
        catch
        {
            DeleteIfThere(partial);
            throw;
        }
    }

    /// <summary>Reads the state from a file that stands at the beginning of its stream, into a process that waits for it.</summary>
    /// <exception cref="MachineException">It does not fit the machine or is damaged.</exception>
    public async Task RestoreAsync(FileStream file, CancellationToken cancellationToken)
    {
        FilePosition.Set(file.SafeFileHandle, SavedState.StreamOffset);
        await process.HandOverAsync("restore", file.SafeFileHandle, cancellationToken).ConfigureAwait(false);
        await process.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = "fd:restore" }, cancellationToken).ConfigureAwait(false);
        await WaitAsync("The saved state could not be read", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Its folder may not exist either.</summary>
    private static void DeleteIfThere(string path)
    {
        if (File.Exists(path))
        {
            File.Delete(path);
        }
    }

    private async Task WriteStreamAsync(FileStream file, CancellationToken cancellationToken)
    {
        FilePosition.Set(file.SafeFileHandle, SavedState.StreamOffset);
        await process.ExecuteAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = BytesPerSecond }, cancellationToken).ConfigureAwait(false);
        await process.HandOverAsync("save", file.SafeFileHandle, cancellationToken).ConfigureAwait(false);
        await process.ExecuteAsync("migrate", new JsonObject { ["uri"] = "fd:save" }, cancellationToken).ConfigureAwait(false);
        try
        {
            await WaitAsync("The state could not be saved", cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await process.ExecuteAsync("migrate_cancel", null, CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        file.Flush(flushToDisk: true);
    }

    private async Task WaitAsync(string failure, CancellationToken cancellationToken)
    {
        var begin = time.GetTimestamp();
        while (true)
        {
            var answer = await process.ExecuteAsync("query-migrate", null, cancellationToken).ConfigureAwait(false);
            var status = answer.FindMember("status")?.FindText();
            switch (status)
            {
                case "completed":
                    return;
                case "failed" or "cancelled":
                    var reason = answer.FindMember("error-desc")?.FindText() ?? "QEMU does not say why";
                    throw new MachineException(MachineErrorKind.SavedState, $"{failure}: {reason.TrimEnd('.')}.");
                default:
                    // The guest stands still: the end is noticed within a small part of the time that it took.
                    await Task.Delay(Pause(time.GetElapsedTime(begin)), time, cancellationToken).ConfigureAwait(false);
                    break;
            }
        }
    }

    private static TimeSpan Pause(TimeSpan elapsed) => TimeSpan.FromMilliseconds(Math.Clamp(elapsed.TotalMilliseconds / 20, 2, 200));
}
