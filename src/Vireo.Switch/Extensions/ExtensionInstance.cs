using System.Diagnostics;
using Vireo.Switch.Extensions.Deaths;
using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Extensions;

/// <summary>How an instance is.</summary>
internal enum InstanceStatus
{
    /// <summary>Frames pass it.</summary>
    Running,

    /// <summary>It threw, stalled or took too much.</summary>
    Failed,

    /// <summary>It was taken out.</summary>
    Stopped,
}

/// <summary>
/// The boundary around an extension's code on one switch: measures it, keeps two threads from entering it at once, and cuts it off when it throws. The packet
/// path allocates nothing; it looks at the clock twice for each batch.
/// </summary>
internal sealed class ExtensionInstance : IExtensionHost
{
    private static readonly DropReason s_failed = DropReason.Register("ExtensionFailed");
    private readonly ExtensionLimits _limits;
    private readonly Injector _injector;
    private readonly Action<ExtensionInstance, string> _onReport;
    private readonly InsideMark _mark;
    private readonly long _windowTicks;
    private readonly long _budgetTicks;
    private ITimer? _timer;
    private int _status = (int)InstanceStatus.Stopped;
    private int _isEntered;
    private long _enteredAt;
    private long _windowStart;
    private long _windowUsed;
    private int _windowsOver;
    private int _isTimerBusy;
    private volatile IReadOnlyList<SwitchPort> _ports = [];

    /// <summary>An instance that is not running yet.</summary>
    public ExtensionInstance(
        ExtensionPackage package, SwitchState home, string switchName, Forwarder forwarder, TimeProvider clock, ExtensionLimits limits,
        Action<ExtensionInstance, string> onReport, InsideMark mark)
    {
        Package = package;
        Home = home;
        SwitchName = switchName;
        Clock = clock;
        _limits = limits;
        _onReport = onReport;
        _windowTicks = (long)(limits.Window.TotalSeconds * Stopwatch.Frequency);
        _budgetTicks = (long)(limits.Budget.TotalSeconds * Stopwatch.Frequency);
        _mark = mark;
        mark.EnterCall();
        try
        {
            Code = package.Create();
        }
        finally
        {
            mark.LeaveCall();
        }

        _injector = new Injector(this, forwarder, limits.InjectedFramesMax);
        mark.EnterCall();
        try
        {
            Code.Declare(Features);
            Code.Attach(this);
        }
        catch
        {
            package.Return();
            throw;
        }
        finally
        {
            mark.LeaveCall();
        }
    }

    /// <summary>Says to the next process that a thread is inside.</summary>
    public InsideMark Mark => _mark;

    /// <summary>The version that runs.</summary>
    public ExtensionPackage Package { get; }

    /// <summary>The switch.</summary>
    public SwitchState Home { get; }

    /// <summary>The third party's code.</summary>
    public SwitchExtension Code { get; }

    /// <summary>What it declares.</summary>
    public FeatureSet Features { get; } = new();

    /// <summary>What it has done.</summary>
    public ExtensionCounters Counters { get; } = new();

    /// <summary>How it is.</summary>
    public InstanceStatus Status => (InstanceStatus)Volatile.Read(ref _status);

    /// <summary>Why it was cut off.</summary>
    public string? Failure { get; private set; }

    /// <inheritdoc/>
    public Guid SwitchId => Home.Id;

    /// <inheritdoc/>
    public string SwitchName { get; }

    /// <inheritdoc/>
    public IReadOnlyList<SwitchPort> Ports => _ports;

    /// <inheritdoc/>
    public TimeProvider Clock { get; }

    /// <summary>Its name.</summary>
    public string Name => Package.Manifest.Name;

    /// <summary>Frames pass it from now on.</summary>
    public void Run() => Interlocked.CompareExchange(ref _status, (int)InstanceStatus.Running, (int)InstanceStatus.Stopped);

    /// <summary>No frame passes it any more, and its timer is gone.</summary>
    public void Stop()
    {
        Interlocked.CompareExchange(ref _status, (int)InstanceStatus.Stopped, (int)InstanceStatus.Running);
        Interlocked.Exchange(ref _timer, null)?.Dispose();
    }

    /// <summary>Cuts it off. The first reason counts.</summary>
    public void Fail(string reason)
    {
        if (Interlocked.CompareExchange(ref _status, (int)InstanceStatus.Failed, (int)InstanceStatus.Running) == (int)InstanceStatus.Running)
        {
            Failure = reason;
            Interlocked.Exchange(ref _timer, null)?.Dispose();
        }
    }

    /// <summary>The ports that the extension sees.</summary>
    public void SetPorts(IReadOnlyList<SwitchPort> ports) => _ports = ports;

    /// <summary>How long a packet thread has been inside the extension without coming back.</summary>
    public TimeSpan InsideFor()
    {
        var since = Volatile.Read(ref _enteredAt);
        return since == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(since);
    }

    /// <summary>Has the extension judge the frames at a port.</summary>
    public void Process(FrameBatch batch, SwitchPort port, StageDirection direction)
    {
        if (!TryEnter(batch, out var start, out var allocated))
        {
            return;
        }

        Counters.Frames += batch.Live.Length;
        try
        {
            Code.Process(batch, port, direction);
        }
        catch (Exception exception)
        {
            CutOff(exception);
            DropWhereClosed(batch);
        }

        Leave(start, allocated);
        CountDropped(batch);
    }

    /// <summary>Enters the extension.</summary>
    /// <returns>False when the frames pass without it; the batch then says what becomes of them.</returns>
    public bool TryEnter(FrameBatch batch, out long start, out long allocated)
    {
        start = allocated = 0;
        if (Volatile.Read(ref _status) != (int)InstanceStatus.Running || !TryTake())
        {
            Interlocked.Add(ref Counters.Skipped, batch.Live.Length);
            DropWhereClosed(batch);
            return false;
        }

        start = Stopwatch.GetTimestamp();
        if (start - _windowStart >= _windowTicks)
        {
            OpenWindow(start);
        }

        if (_windowUsed >= _budgetTicks && Code.Kind == ExtensionKind.Capture)
        {
            Interlocked.Add(ref Counters.Skipped, batch.Live.Length);
            Volatile.Write(ref _isEntered, 0);
            return false;
        }

        allocated = GC.GetAllocatedBytesForCurrentThread();
        Volatile.Write(ref _enteredAt, start);
        _mark.EnterFrame();
        return true;
    }

    /// <summary>Leaves the extension.</summary>
    public void Leave(long start, long allocated)
    {
        _mark.LeaveFrame();
        var used = Stopwatch.GetTimestamp() - start;
        Counters.AllocatedBytes += GC.GetAllocatedBytesForCurrentThread() - allocated;
        Counters.Ticks += used;
        _windowUsed += used;
        Volatile.Write(ref _enteredAt, 0);
        Volatile.Write(ref _isEntered, 0);
    }

    /// <summary>The extension threw while it judged a frame.</summary>
    public void CutOff(Exception exception) => Fail($"It threw {exception.GetType().Name}: {exception.Message}");

    /// <summary>Counts the frames that the extension has dropped.</summary>
    public void CountDropped(FrameBatch batch)
    {
        if (!batch.HasVerdicts)
        {
            return;
        }

        // The next thread may be inside by now.
        var dropped = 0;
        foreach (var index in batch.Live)
        {
            dropped += batch[index].Verdict != DropReason.None ? 1 : 0;
        }

        Interlocked.Add(ref Counters.Dropped, dropped);
    }

    /// <inheritdoc/>
    public bool Inject(SwitchPort port, StageDirection direction, ReadOnlySpan<byte> frame, ushort vlan = 0)
    {
        ArgumentNullException.ThrowIfNull(port);
        return Status == InstanceStatus.Running && _injector.TryAdd(port, direction, frame, vlan);
    }

    /// <summary>Sends the frames that the extension has injected. On the packet thread.</summary>
    public void DrainInjected() => _injector.Drain();

    /// <inheritdoc/>
    public void SetTimer(TimeSpan period)
    {
        if (period < TimeSpan.Zero)
        {
            throw new ArgumentOutOfRangeException(nameof(period), period, "A period is not negative.");
        }

        ITimer? next = null;
        if (period > TimeSpan.Zero && Status != InstanceStatus.Failed)
        {
            var atLeast = period < TimeSpan.FromMilliseconds(10) ? TimeSpan.FromMilliseconds(10) : period;
            next = Clock.CreateTimer(static instance => ((ExtensionInstance)instance!).OnTimer(), this, atLeast, atLeast);
        }

        Interlocked.Exchange(ref _timer, next)?.Dispose();
    }

    /// <inheritdoc/>
    public void Report(string message) => _onReport(this, message);

    /// <summary>Calls something of the extension that sees no frames, on another thread, and cuts it off when that throws or does not come back.</summary>
    /// <returns>The answer, or null when it was cut off.</returns>
    public async Task<T?> CallAsync<T>(Func<SwitchExtension, T?> call)
    {
        try
        {
            return await Task.Run(() => Call(call)).WaitAsync(_limits.Call);
        }
        catch (TimeoutException)
        {
            Fail($"It did not come back within {_limits.Call.TotalSeconds:0} s.");
        }
        catch (Exception exception)
        {
            CutOff(exception);
        }

        return default;
    }

    /// <summary>The same of something without an answer.</summary>
    /// <returns>Whether it went well.</returns>
    public async Task<bool> CallAsync(Action<SwitchExtension> call) => await CallAsync<object>(code =>
    {
        call(code);
        return this;
    }) is not null;

    private T? Call<T>(Func<SwitchExtension, T?> call)
    {
        _mark.EnterCall();
        try
        {
            return call(Code);
        }
        finally
        {
            _mark.LeaveCall();
        }
    }

    // Other threads wait outside, but not for one that was cut off.
    private bool TryTake()
    {
        if (Interlocked.CompareExchange(ref _isEntered, 1, 0) == 0)
        {
            return true;
        }

        var wait = new SpinWait();
        do
        {
            wait.SpinOnce(sleep1Threshold: -1);
            if (Volatile.Read(ref _status) != (int)InstanceStatus.Running)
            {
                return false;
            }
        }
        while (Interlocked.CompareExchange(ref _isEntered, 1, 0) != 0);
        return true;
    }

    private void OpenWindow(long now)
    {
        _windowsOver = _windowUsed >= _budgetTicks && now - _windowStart < 2 * _windowTicks + _windowUsed ? _windowsOver + 1 : 0;
        _windowStart = now;
        _windowUsed = 0;
        if (_windowsOver >= _limits.WindowsOverBudgetMax && Code.Kind != ExtensionKind.Capture)
        {
            Fail($"It took more than {_limits.Budget / _limits.Window:P0} of the packet thread's time for {(_limits.Window * _windowsOver).TotalSeconds:0.#} s.");
        }
    }

    private void DropWhereClosed(FrameBatch batch)
    {
        if (!Package.Manifest.FailsClosed || Status == InstanceStatus.Running)
        {
            return;
        }

        foreach (var index in batch.Live)
        {
            if (batch[index].Verdict == DropReason.None)
            {
                batch.Drop(index, s_failed);
            }
        }
    }

    private void OnTimer()
    {
        // A period in which the last call has not come back is left out.
        if (Status != InstanceStatus.Running || Interlocked.Exchange(ref _isTimerBusy, 1) != 0)
        {
            return;
        }

        _mark.EnterCall();
        try
        {
            Code.OnTimer();
        }
        catch (Exception exception)
        {
            CutOff(exception);
        }
        finally
        {
            _mark.LeaveCall();
            Volatile.Write(ref _isTimerBusy, 0);
        }
    }
}
