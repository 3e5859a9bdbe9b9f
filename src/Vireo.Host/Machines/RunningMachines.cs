using Vireo.Host.Store;

namespace Vireo.Host.Machines;

/// <summary>
/// Which machines run, written down so that it outlives this computer's boot: after a power cut, too, it is known who ran. A stop of the host
/// with its machines leaves the list as it was before.
/// </summary>
internal sealed class RunningMachines
{
    private readonly string _path;
    private readonly Lock _change = new();
    private RunningRecord _record;

    /// <summary>Reads the list; <see cref="IsNewBoot"/> tells whether this computer has started since it was written.</summary>
    public RunningMachines(string path, string bootId)
    {
        _path = path;
        var known = JsonFile.Read(path, StoreJson.Default.RunningRecord, static record => record.FormatVersion, RunningRecord.NewestVersion);

        // A host that was never here before has nothing to start.
        IsNewBoot = known is not null && known.BootId != bootId;
        _record = (known ?? new RunningRecord()) with { BootId = bootId, Stopping = !IsNewBoot && known?.Stopping == true };
    }

    /// <summary>This computer has started since the list was written.</summary>
    public bool IsNewBoot { get; }

    /// <summary>Machines that run, or that ran when this computer went down.</summary>
    public IReadOnlyList<Guid> Running => _record.Running;

    /// <summary>Machines that are yet to be started because this computer was.</summary>
    public IReadOnlyList<Guid> Pending => _record.Pending;

    /// <summary>A machine runs now, or no longer.</summary>
    public void Set(Guid machine, bool running)
    {
        lock (_change)
        {
            if (_record.Stopping ? !running : _record.Running.Contains(machine) == running)
            {
                return;
            }

            // The first that starts after a stop of all is the only one that runs.
            var others = _record.Stopping ? [] : _record.Running.Where(other => other != machine);
            Write(_record with { Running = running ? [.. others, machine] : [.. others], Stopping = false });
        }
    }

    /// <summary>The machines that are to be started now that this computer was.</summary>
    public void BeginStarts(IReadOnlyList<Guid> machines)
    {
        lock (_change)
        {
            Write(_record with { Running = [], Pending = machines });
        }
    }

    /// <summary>A machine was started, or could not be.</summary>
    public void EndStart(Guid machine)
    {
        lock (_change)
        {
            Write(_record with { Pending = [.. _record.Pending.Where(other => other != machine)] });
        }
    }

    /// <summary>The host stops with its machines: who ran now, is who ran. Until one is started again.</summary>
    public void BeginStop()
    {
        lock (_change)
        {
            Write(_record with { Stopping = true });
        }
    }

    /// <summary>Not every machine stopped, so the host goes on: these still run.</summary>
    public void CancelStop(IReadOnlyList<Guid> machines)
    {
        lock (_change)
        {
            Write(_record with { Running = machines, Stopping = false });
        }
    }

    private void Write(RunningRecord record)
    {
        _record = record;
        try
        {
            JsonFile.Write(_path, record, StoreJson.Default.RunningRecord);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            // A full disk keeps no machine from starting or ending; the next change is written with this one.
        }
    }
}

/// <summary>The list as a file.</summary>
internal sealed record RunningRecord
{
    public const int NewestVersion = 1;

    public int FormatVersion { get; set; } = NewestVersion;

    /// <summary>Boot of this computer in which it was written.</summary>
    public string BootId { get; set; } = "";

    public IReadOnlyList<Guid> Running { get; set; } = [];

    public IReadOnlyList<Guid> Pending { get; set; } = [];

    public bool Stopping { get; set; }
}
