using System.Diagnostics.Tracing;

namespace Vireo.Switch.Tracing;

/// <summary>
/// Frames as .NET events, for dotnet-trace and its like: while the source <c>Vireo-Switch</c> is enabled each frame that fits the argument
/// <c>Filter</c> (all without one) is an event when it has come to its end.
/// </summary>
[EventSource(Name = SourceName)]
internal sealed class SwitchEventSource : EventSource
{
    /// <summary>How listeners call it.</summary>
    public const string SourceName = "Vireo-Switch";

    private string? _filter;

    /// <summary>The one of the process.</summary>
    public static SwitchEventSource Log { get; } = new();

    /// <summary>Somebody began or ended to listen; on any thread. Static, because an instance's accessors would count as events of the source.</summary>
    public static event Action? Changed;

    /// <summary>Whether somebody listens, and which frames are wanted; null is all. Not for <see cref="Changed"/> itself, which is told before it is true.</summary>
    public static bool IsWanted(out string? filter)
    {
        // A source counts as enabled before its filter is known, and until after its last listener has said that it ends. Commands to sources and the list of
        // sources have one lock: whoever has read the list sees the command that is under way as done.
        _ = GetSources();
        filter = Volatile.Read(ref Log._filter);
        return Log.IsEnabled();
    }

    /// <summary>A frame has come to its end.</summary>
    /// <param name="switchId">The switch, or nothing.</param>
    /// <param name="port">Where it entered.</param>
    /// <param name="summary">The frame in a line.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="decision">Delivered, dropped or held.</param>
    /// <param name="reason">Of a drop.</param>
    /// <param name="rule">That decided.</param>
    /// <param name="way">Stages, ports, verdicts and times, a line each.</param>
    [Event(1, Level = EventLevel.Informational)]
    public void Frame(string switchId, string port, string summary, int length, string decision, string reason, string rule, string way) =>
        WriteEvent(1, switchId, port, summary, length, decision, reason, rule, way);

    /// <inheritdoc/>
    protected override void OnEventCommand(EventCommandEventArgs command)
    {
        if (command.Command == EventCommand.Enable)
        {
            Volatile.Write(ref _filter, command.Arguments is { } given && given.TryGetValue("Filter", out var filter) ? filter : null);
        }

        Changed?.Invoke();
    }
}
