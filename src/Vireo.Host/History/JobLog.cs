using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Vireo.Host.History;

/// <summary>A run of a command that changes something.</summary>
/// <param name="Id">Key.</param>
/// <param name="Command">For example <c>Start-VM</c>.</param>
/// <param name="Caller">Who asked.</param>
/// <param name="Started">When it began.</param>
/// <param name="Ended">When it ended; null while it runs.</param>
/// <param name="Status"><c>Running</c>, <c>Completed</c>, <c>Failed</c>, <c>Cancelled</c>, or <c>Interrupted</c> when the host died meanwhile.</param>
/// <param name="Error">Its first error.</param>
/// <param name="Activity">What it is doing, while it runs.</param>
/// <param name="Percent">How far it is, while it runs; negative when unknown.</param>
public sealed record JobInfo(
    Guid Id, string Command, string Caller, DateTimeOffset Started, DateTimeOffset? Ended, string Status, string? Error, string? Activity = null, int Percent = -1);

/// <summary>The jobs of the host: those that run, which can be watched and cancelled, and those that ran.</summary>
public sealed partial class JobLog
{
    private const int KeptJobs = 10_000;
    private readonly HistoryDatabase _database;
    private readonly TimeProvider _time;
    private readonly ILogger<JobLog> _log;
    private readonly ConcurrentDictionary<Guid, RunningJob> _running = new();

    /// <summary>Marks what a host that died left unfinished.</summary>
    public JobLog(HistoryDatabase database, TimeProvider time, ILogger<JobLog> log)
    {
        ArgumentNullException.ThrowIfNull(database);
        _database = database;
        _time = time;
        _log = log;
        Keep("UPDATE jobs SET status = 'Interrupted', ended = $0 WHERE status = 'Running'", Stamp(time.GetUtcNow()));
        Keep("DELETE FROM jobs WHERE id NOT IN (SELECT id FROM jobs ORDER BY started DESC LIMIT $0)", KeptJobs);
    }

    /// <summary>Begins a job; <paramref name="cancel"/> is what stops it.</summary>
    public RunningJob Begin(Guid id, string command, string caller, CancellationTokenSource cancel)
    {
        var job = new RunningJob(new JobInfo(id, command, caller, _time.GetUtcNow(), null, "Running", null), cancel);
        _running[id] = job;
        Keep(
            "INSERT INTO jobs(id, command, caller, started, status) VALUES($0, $1, $2, $3, 'Running')",
            id.ToString("D"), command, caller, Stamp(job.Info.Started));
        return job;
    }

    /// <summary>Ends a job.</summary>
    public void End(RunningJob job, string status, string? error)
    {
        ArgumentNullException.ThrowIfNull(job);
        _running.TryRemove(job.Info.Id, out _);
        Keep("UPDATE jobs SET ended = $0, status = $1, error = $2 WHERE id = $3", Stamp(_time.GetUtcNow()), status, error, job.Info.Id.ToString("D"));
    }

    // A full disk must not keep anybody from stopping a machine: history is lost, the command runs.
    private void Keep(string sql, params ReadOnlySpan<object?> values)
    {
        try
        {
            _database.Execute(sql, values);
        }
        catch (SqliteException refused)
        {
            LogHistoryRefused(refused.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The history refused a job: {Reason}")]
    private partial void LogHistoryRefused(string reason);

    /// <summary>Asks a job to stop; false when it does not run.</summary>
    public bool Cancel(Guid id)
    {
        if (!_running.TryGetValue(id, out var job))
        {
            return false;
        }

        job.Cancel();
        return true;
    }

    /// <summary>A job, running or not, or null.</summary>
    public JobInfo? Find(Guid id) =>
        _running.TryGetValue(id, out var job) ? job.Info : Read("WHERE id = $0", id.ToString("D")).FirstOrDefault();

    /// <summary>The last jobs, newest first.</summary>
    public IReadOnlyList<JobInfo> Last(int most) =>
        [.. Read("ORDER BY started DESC LIMIT $0", most).Select(job => _running.TryGetValue(job.Id, out var running) ? running.Info : job)];

    private IReadOnlyList<JobInfo> Read(string filter, object value) => _database.Query(
        $"SELECT id, command, caller, started, ended, status, error FROM jobs {filter}",
        static row => new JobInfo(
            Guid.Parse(row.GetString(0)), row.GetString(1), row.GetString(2), Time(row.GetString(3)), row.IsDBNull(4) ? null : Time(row.GetString(4)),
            row.GetString(5), row.IsDBNull(6) ? null : row.GetString(6)),
        value);

    private static string Stamp(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    private static DateTimeOffset Time(string stamp) => DateTimeOffset.Parse(stamp, CultureInfo.InvariantCulture);
}

/// <summary>A job that runs.</summary>
public sealed class RunningJob(JobInfo info, CancellationTokenSource cancel)
{
    private volatile JobInfo _info = info;

    /// <summary>How it is now.</summary>
    public JobInfo Info => _info;

    /// <summary>Notes how far it is.</summary>
    public void Report(string activity, int percent) => _info = _info with { Activity = activity, Percent = percent };

    /// <summary>Asks it to stop.</summary>
    public void Cancel() => cancel.Cancel();
}
