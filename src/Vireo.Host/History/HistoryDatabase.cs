namespace Vireo.Host.History;

/// <summary>
/// What happened, in SQLite: events and jobs. History is worth keeping but is not the truth about anything; so a write that the file
/// system refuses is reported and the host goes on.
/// </summary>
/// <param name="file">The file.</param>
/// <exception cref="InvalidOperationException">It was written by a newer version.</exception>
public sealed class HistoryDatabase(string file) : SqliteFile(
    "history",
    file,
    version: 1,
    """
    CREATE TABLE IF NOT EXISTS events(id INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, subject TEXT);
    CREATE TABLE IF NOT EXISTS jobs(
        id TEXT PRIMARY KEY, command TEXT NOT NULL, caller TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, status TEXT NOT NULL, error TEXT);
    CREATE INDEX IF NOT EXISTS jobs_started ON jobs(started);
    SELECT MAX(id) FROM events;
    SELECT id FROM jobs ORDER BY started DESC LIMIT 1;
    """);
