using System.Globalization;
using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Files;
using Vireo.Platform.Processes;

namespace Vireo.Machines;

/// <summary>What a running machine has of the host's memory and processors.</summary>
internal sealed partial class Machine
{
    private (MachineProcess Process, int Weight, double? Most)? _share;

    /// <inheritdoc/>
    public MemoryPlace? MemoryPlace => _process is { } process
        ? new(process.Record.Process is { IsAlive: true } identity ? FindMemoryFile(identity.ProcessId, process.Record.Configuration.Memory.StartupBytes) : null, process.Record.ControlGroupFolders)
        : null;

    /// <inheritdoc/>
    public async Task<MachineMemory?> GetMemoryAsync(CancellationToken cancellationToken = default) =>
        _process is { } process ? await Translate(new MemoryControl(process).GetAsync(cancellationToken)).ConfigureAwait(false) : null;

    /// <inheritdoc/>
    public async Task<bool> SetMemoryAsync(long bytes, CancellationToken cancellationToken = default)
    {
        // Whoever holds the turn may be writing the guest's memory to a file: not the moment to move it.
        if (!await _turn.WaitAsync(TimeSpan.Zero, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        try
        {
            if (_process is not { } process || _condition.State != MachineState.Running)
            {
                return false;
            }

            await Translate(new MemoryControl(process).SetAsync(bytes, cancellationToken)).ConfigureAwait(false);
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void SetProcessors(int weight, double? most)
    {
        var process = _process;
        if (process is null || (_share is var (holder, lastWeight, lastMost) && holder == process && lastWeight == weight && lastMost == most))
        {
            return;
        }

        try
        {
            ControlGroup.Find(process.Record.ControlGroupFolders).SetProcessors(weight, most);
            _share = (process, weight, most);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new MachineException(MachineErrorKind.NotSupported, $"The share of the processors could not be set: {exception.Message}", exception);
        }
    }

    /// <summary>QEMU makes the file of the memory it starts with before that of the memory it may be given, which can have the same size.</summary>
    private static string? FindMemoryFile(int processId, long bytes)
    {
        try
        {
            return new DirectoryInfo($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/fd").EnumerateFileSystemInfos()
                .Where(static one => one.LinkTarget?.StartsWith("/memfd:memory-backend", StringComparison.Ordinal) == true)
                .OrderBy(static one => int.TryParse(one.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : int.MaxValue)
                .FirstOrDefault(one => FileRoom.Of(one.FullName)?.Size == bytes)?.FullName;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It ends just now.
            return null;
        }
    }
}
