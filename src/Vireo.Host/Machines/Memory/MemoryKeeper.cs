using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Machines.Devices;
using Vireo.Machines.States;

namespace Vireo.Host.Machines.Memory;

/// <summary>How one machine is off with its memory, for people.</summary>
/// <param name="AssignedBytes">What it has.</param>
/// <param name="DemandBytes">What it uses.</param>
/// <param name="Status">The original's word for it; empty without a guest.</param>
internal sealed record MemoryView(long AssignedBytes, long DemandBytes, string Status);

/// <summary>
/// What the host knows of one machine's memory: what it has, wants and was promised. A promise is made under the ledger's lock and counts from then
/// on; the guest is asked for it afterwards. Nothing of it is written down: the guest itself knows what it has.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="configuration">Its stored configuration.</param>
/// <param name="time">Clock.</param>
internal sealed class MemoryKeeper(IMachine machine, Func<VirtualMachineConfiguration> configuration, TimeProvider time) : IMemoryUser
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    // A guest that does not take memory for this long has no driver for it; it is asked again later.
    private static readonly TimeSpan s_unwillingAfter = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_askAgainAfter = TimeSpan.FromMinutes(5);

    // No guest needs longer to start anew and to give memory back; from then on it comes before the others.
    private static readonly TimeSpan s_pagingLimit = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private bool _speaks;
    private long _bootBytes;
    private long _assigned;
    private long _target;
    private long _asked;
    private long? _demand;
    private long? _swapped;
    private long _unwillingSince;
    private long _unwillingAt;

    // While a smart paging file is there: what the guest has for sure, and since when.
    private long _physical;
    private long _limited;
    private long _pagingSince;
    private Func<long>? _readHeld;

    /// <summary>The machine.</summary>
    public Guid Id => configuration().Id;

    /// <summary>Its process; null when it has none.</summary>
    public int? ProcessId => machine.Status.ProcessId;

    /// <summary>Its virtual processors.</summary>
    public int Processors => configuration().Processor.Count;

    /// <summary>Logical processors that it has for sure.</summary>
    public double ReservedProcessors => configuration().Processor is var processor ? processor.Count * processor.ReservePercent / 100.0 : 0;

    /// <summary>It runs, and its memory follows its demand.</summary>
    public bool IsDynamic => Settings.DynamicMemoryEnabled && ProcessId is not null;

    private MemoryConfiguration Settings => configuration().Memory;

    /// <summary>What the guest may touch, in bytes; 0 without a process.</summary>
    public long CommittedBytes
    {
        get
        {
            if (ProcessId is null)
            {
                return 0;
            }

            lock (_lock)
            {
                return !Settings.DynamicMemoryEnabled ? Settings.StartupBytes : Held(Math.Max(_target, CommittedWithoutTarget()));
            }
        }
    }

    /// <summary>A guest is about to begin: with its startup memory, or with what a saved one had.</summary>
    public void Begin(long bytes)
    {
        lock (_lock)
        {
            Forget();
            _physical = 0;
            _readHeld = null;
            _bootBytes = _assigned = bytes;
            _target = Clamped(bytes);
        }
    }

    /// <summary>The guest starts anew: until its driver speaks it may touch all that a machine starts with.</summary>
    public void BeginAnew()
    {
        lock (_lock)
        {
            var target = _target;
            Forget();
            _bootBytes = _assigned = Settings.StartupBytes;
            _target = target;
        }
    }

    /// <summary>There is a smart paging file.</summary>
    public bool IsPaging
    {
        get
        {
            lock (_lock)
            {
                return _physical > 0;
            }
        }
    }

    /// <inheritdoc/>
    public long HeldBytes => _readHeld?.Invoke() ?? 0;

    /// <inheritdoc/>
    public long OverdueBytes
    {
        get
        {
            lock (_lock)
            {
                return _physical == 0 || time.GetElapsedTime(_pagingSince) < s_pagingLimit ? 0 : Math.Max(0, CommittedWithoutTarget() - Math.Max(_physical, _target));
            }
        }
    }

    /// <inheritdoc/>
    public void AddPhysical(long bytes)
    {
        lock (_lock)
        {
            _physical = Math.Max(_physical, _target) + bytes;
        }
    }

    /// <summary>The guest has given back so much that it needs no smart paging file, or was given so much.</summary>
    public bool HasDrained
    {
        get
        {
            lock (_lock)
            {
                return _physical > 0 && CommittedWithoutTarget() <= _physical;
            }
        }
    }

    /// <summary>The guest starts anew with less memory than it may touch; the rest is in a smart paging file.</summary>
    /// <param name="physicalBytes">What it has for sure.</param>
    /// <param name="readHeld">Reads how much of its memory is there: it is made before it is used.</param>
    public void BeginPaging(long physicalBytes, Func<long> readHeld)
    {
        lock (_lock)
        {
            _physical = _limited = physicalBytes;
            _pagingSince = time.GetTimestamp();
            _target = Math.Min(_target == 0 ? physicalBytes : _target, physicalBytes);
            _readHeld = readHeld;
        }
    }

    /// <summary>What the guest was promised since it was held to less.</summary>
    public long TakeRaise()
    {
        lock (_lock)
        {
            _physical = _physical == 0 ? 0 : Math.Max(_physical, _target);
            var raise = Math.Max(0, _physical - _limited);
            _limited = Math.Max(_limited, _physical);
            return raise;
        }
    }

    /// <summary>The smart paging file is gone.</summary>
    public void EndPaging()
    {
        lock (_lock)
        {
            _physical = 0;
        }
    }

    /// <summary>What people are shown.</summary>
    public MemoryView Describe()
    {
        if (ProcessId is null)
        {
            return new(0, 0, "");
        }

        lock (_lock)
        {
            if (!Settings.DynamicMemoryEnabled)
            {
                return new(Settings.StartupBytes, Settings.StartupBytes, MemoryStatusText.Ok);
            }

            var assigned = _assigned > 0 ? _assigned : Settings.StartupBytes;
            return _demand is { } demand ? new(assigned, demand, _physical > 0 ? MemoryStatusText.Paging : MemoryStatusText.Of(assigned, demand, Settings.BufferPercent))
                : new(assigned, assigned, _physical > 0 ? MemoryStatusText.Paging : MemoryStatusText.Ok);
        }
    }

    /// <summary>The machine as the policy sees it; null when its guest cannot be asked anything.</summary>
    public GuestMemory? ForPolicy()
    {
        if (machine.Running is not { } running || !running.Configuration.Memory.DynamicMemoryEnabled)
        {
            return null;
        }

        var settings = Settings;
        lock (_lock)
        {
            if (_target == 0)
            {
                // Found running, and not looked at yet.
                _target = Clamped(Math.Max(_assigned, settings.StartupBytes));
            }

            var most = Math.Min(settings.MaximumBytes, settings.StartupBytes + running.Plan.Memory.GrowthBytes);
            if (_unwillingAt != 0 && time.GetElapsedTime(_unwillingAt) < s_askAgainAfter)
            {
                most = Math.Min(most, Math.Max(settings.MinimumBytes, _target));
            }

            return new(running.Configuration.Id, settings.MinimumBytes, most, settings.Priority, settings.BufferPercent, Held(CommittedWithoutTarget()), _target, _speaks ? _demand : null);
        }
    }

    /// <summary>Promises the guest memory, or takes a promise back. Under the ledger's lock.</summary>
    public void Promise(long bytes)
    {
        lock (_lock)
        {
            _target = bytes;
        }
    }

    /// <summary>Called at the end of each round of the balance.</summary>
    public Action Advance { get; set; } = static () => { };

    /// <summary>Looks at the guest.</summary>
    public async Task ObserveAsync(CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(s_patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (await machine.GetMemoryAsync(either.Token) is { } memory)
            {
                Note(memory, machine.Status);
            }
        }
        catch (Exception error) when (error is MachineException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // It ends, or its QEMU is busy: what is known of it still holds.
        }
    }

    /// <summary>Asks the guest for what it was promised.</summary>
    public async Task ApplyAsync(CancellationToken cancellation)
    {
        long target;
        lock (_lock)
        {
            if (!_speaks || _target == 0 || (_target == _asked && Math.Abs(_target - _assigned) < 4 * MemoryPolicy.Step))
            {
                return;
            }

            target = _target;
        }

        using var limit = new CancellationTokenSource(s_patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            if (await machine.SetMemoryAsync(target, either.Token))
            {
                lock (_lock)
                {
                    _asked = target;
                }
            }
        }
        catch (Exception error) when (error is MachineException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // Asked again in the next round, if it is still there.
        }
    }

    private void Forget()
    {
        _speaks = false;
        _demand = _swapped = null;
        _asked = _unwillingSince = _unwillingAt = 0;
    }

    private long Clamped(long bytes)
    {
        var settings = Settings;
        return Math.Clamp(bytes, settings.MinimumBytes, Math.Max(settings.MinimumBytes, settings.MaximumBytes));
    }

    /// <summary>What of it is memory of the host: the rest is in the smart paging file. What was promised since it was made is not.</summary>
    private long Held(long bytes) => _physical == 0 ? bytes : Math.Min(bytes, Math.Max(_physical, _target));

    private long CommittedWithoutTarget() => _speaks ? _assigned : Math.Max(_assigned, _bootBytes > 0 ? _bootBytes : Settings.StartupBytes);

    private void Note(MachineMemory memory, MachineStatus status)
    {
        lock (_lock)
        {
            // The balloon's size is the old guest's until the new one's driver has spoken.
            if (status.StartedAt is not { } started || memory.ToldAt is not { } told || told < started.AddSeconds(1) || memory.AvailableBytes is not { } available)
            {
                return;
            }

            var isFirst = !_speaks;
            _speaks = true;
            _assigned = memory.AssignedBytes;
            if (_target == 0)
            {
                _target = Clamped((_assigned + MemoryLayout.StepBytes - 1) / MemoryLayout.StepBytes * MemoryLayout.StepBytes);
            }

            var swapped = _swapped is { } before && memory.SwappedBytes is { } now ? Math.Max(0, now - before) : 0;
            _swapped = memory.SwappedBytes;
            _demand = DemandEstimate.Next(isFirst ? null : _demand, _assigned, available, swapped);
            NoteWillingness();
        }
    }

    /// <summary>A guest without the driver does not keep from others what it cannot take.</summary>
    private void NoteWillingness()
    {
        if (_asked != _target || _assigned >= _target - (64L << 20))
        {
            _unwillingSince = 0;
        }
        else if (_unwillingSince == 0)
        {
            _unwillingSince = time.GetTimestamp();
        }
        else if (time.GetElapsedTime(_unwillingSince) > s_unwillingAfter)
        {
            _unwillingSince = 0;
            _unwillingAt = time.GetTimestamp();
            _target = Clamped((_assigned + MemoryPolicy.Step - 1) / MemoryPolicy.Step * MemoryPolicy.Step);
        }
    }
}
