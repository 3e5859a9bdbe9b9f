using Vireo.Control;
using Vireo.Control.Switching;

namespace Vireo.Switch.Tracing;

/// <summary>Traces while somebody listens to <see cref="SwitchEventSource"/>, and not a frame longer.</summary>
internal sealed partial class TraceEventFeed : IAsyncDisposable
{
    private readonly TraceSessions _traces;
    private readonly Func<Guid, string> _nameOf;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _gate = new(1);
    private TraceSession? _session;
    private Task _writing = Task.CompletedTask;
    private bool _disposed;

    /// <summary>Begins to watch for listeners.</summary>
    /// <param name="traces">The sessions of the plane.</param>
    /// <param name="nameOf">What people call a port.</param>
    /// <param name="log">Where a filter that cannot be read is told of.</param>
    public TraceEventFeed(TraceSessions traces, Func<Guid, string> nameOf, ILogger log)
    {
        _traces = traces;
        _nameOf = nameOf;
        _log = log;
        SwitchEventSource.Changed += OnChanged;
        OnChanged();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        SwitchEventSource.Changed -= OnChanged;
        await _gate.WaitAsync();
        try
        {
            _disposed = true;
            await EndAsync();
        }
        finally
        {
            _gate.Release();
        }
    }

    private void OnChanged() => _ = Task.Run(ApplyAsync);

    private async Task ApplyAsync()
    {
        await _gate.WaitAsync();
        try
        {
            var wanted = !_disposed && SwitchEventSource.IsWanted(out var filter) ? new TraceRequest(filter) : null;
            if (wanted is not null && _session is { } session && session.Request.Filter == wanted.Filter && !session.Traces.Completion.IsCompleted)
            {
                // Somebody more listens: those who did so before miss nothing.
                return;
            }

            await EndAsync();
            if (wanted is not null)
            {
                _session = await _traces.FollowAsync(wanted);
                _writing = WriteAsync(_session);
            }
        }
        catch (ControlException refused)
        {
            LogRefused(refused.Error.Message);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task EndAsync()
    {
        if (_session is { } session)
        {
            _session = null;
            await _traces.EndAsync(session.Id);
            await _writing;
        }
    }

    private async Task WriteAsync(TraceSession session)
    {
        await foreach (var trace in session.Traces.ReadAllAsync())
        {
            var frame = trace.ToReport();
            SwitchEventSource.Log.Frame(
                frame.SwitchId?.ToString("D") ?? "", _nameOf(frame.Port), frame.Summary, frame.Length, frame.Decision.ToString(), frame.Reason ?? "", frame.Rule ?? "", TraceText.Table(frame, _nameOf));
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Frames are not told as .NET events: {Reason}")]
    private partial void LogRefused(string reason);
}
