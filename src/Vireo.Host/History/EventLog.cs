using System.Globalization;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Vireo.Host.History;

/// <summary>Something that happened on the host.</summary>
/// <param name="Id">Grows with each event.</param>
/// <param name="Time">When.</param>
/// <param name="Kind">For programs, for example <c>MachineStateChanged</c>.</param>
/// <param name="Message">For people.</param>
/// <param name="Subject">The object it happened to.</param>
public sealed record HostEvent(long Id, DateTimeOffset Time, string Kind, string Message, Guid? Subject);

/// <summary>The events of the host: kept in the history, bounded, and handed to whoever listens.</summary>
public sealed partial class EventLog
{
    private const int KeptEvents = 100_000;
    private const int TrimEvery = 1_000;
    private readonly HistoryDatabase _database;
    private readonly TimeProvider _time;
    private readonly ILogger<EventLog> _log;
    private readonly Lock _change = new();
    private readonly List<Channel<HostEvent>> _listeners = [];
    private long _next;

    /// <summary>Continues the numbering where the history ends.</summary>
    public EventLog(HistoryDatabase database, TimeProvider time, ILogger<EventLog> log)
    {
        ArgumentNullException.ThrowIfNull(database);
        _database = database;
        _time = time;
        _log = log;
        _next = database.Query("SELECT COALESCE(MAX(id), 0) FROM events", static row => row.GetInt64(0))[0] + 1;
    }

    /// <summary>Writes an event.</summary>
    public void Write(string kind, string message, Guid? subject)
    {
        lock (_change)
        {
            var happened = new HostEvent(_next++, _time.GetUtcNow(), kind, message, subject);
            LogEvent(kind, message);
            try
            {
                _database.Execute(
                    "INSERT INTO events(id, time, kind, message, subject) VALUES($0, $1, $2, $3, $4)",
                    happened.Id, happened.Time.ToString("O", CultureInfo.InvariantCulture), kind, message, subject?.ToString("D"));
                if (happened.Id % TrimEvery == 0)
                {
                    _database.Execute("DELETE FROM events WHERE id <= $0", happened.Id - KeptEvents);
                }
            }
            catch (SqliteException refused)
            {
                LogHistoryRefused(refused.Message);
            }

            foreach (var listener in _listeners)
            {
                listener.Writer.TryWrite(happened);
            }
        }
    }

    /// <summary>Events after <paramref name="after"/>, oldest first, at most <paramref name="most"/>.</summary>
    public IReadOnlyList<HostEvent> Read(long after, int most) => _database.Query(
        "SELECT id, time, kind, message, subject FROM events WHERE id > $0 ORDER BY id LIMIT $1",
        static row => new HostEvent(
            row.GetInt64(0), DateTimeOffset.Parse(row.GetString(1), CultureInfo.InvariantCulture), row.GetString(2), row.GetString(3),
            row.IsDBNull(4) ? null : Guid.Parse(row.GetString(4))),
        after, most);

    /// <summary>The last events, oldest first.</summary>
    public IReadOnlyList<HostEvent> Last(int most)
    {
        lock (_change)
        {
            return Read(_next - 1 - most, most);
        }
    }

    /// <summary>Events as they happen. A listener that falls 1,000 behind loses the oldest.</summary>
    public async IAsyncEnumerable<HostEvent> ListenAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var channel = Channel.CreateBounded<HostEvent>(new BoundedChannelOptions(1_000) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_change)
        {
            _listeners.Add(channel);
        }

        try
        {
            await foreach (var happened in channel.Reader.ReadAllAsync(cancellation))
            {
                yield return happened;
            }
        }
        finally
        {
            lock (_change)
            {
                _listeners.Remove(channel);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind}: {Text}")]
    private partial void LogEvent(string kind, string text);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The history refused an event: {Reason}")]
    private partial void LogHistoryRefused(string reason);
}
