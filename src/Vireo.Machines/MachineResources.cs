using Vireo.Machines.Running;
using Vireo.Machines.States;
using Vireo.Platform.Processes;

namespace Vireo.Machines;

/// <summary>What a running machine has of the host's memory and processors.</summary>
internal sealed partial class Machine
{
    private (MachineProcess Process, int Weight, double? Most)? _share;

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
}
