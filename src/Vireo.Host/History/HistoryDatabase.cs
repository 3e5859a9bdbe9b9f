using Microsoft.Data.Sqlite;

namespace Vireo.Host.History;

/// <summary>
/// What happened, in SQLite: events and jobs. History is worth keeping but is not the truth about anything; so a write that the file
/// system refuses is reported and the host goes on.
/// </summary>
public sealed class HistoryDatabase : IDisposable
{
    private const int SchemaVersion = 1;
    private readonly SqliteConnection _connection;
    private readonly Lock _use = new();

    /// <summary>Opens the database, or makes it.</summary>
    /// <exception cref="InvalidOperationException">It was written by a newer version.</exception>
    public HistoryDatabase(string file)
    {
        SQLitePCL.Batteries_V2.Init();
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        _connection = new SqliteConnection($"Data Source={file};Pooling=False");
        _connection.Open();

        // Write-ahead log with normal syncing: a power cut may lose the last moments of history, never the database.
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
        var version = Convert.ToInt32(Scalar("PRAGMA user_version;"), System.Globalization.CultureInfo.InvariantCulture);
        if (version > SchemaVersion)
        {
            throw new InvalidOperationException($"The history '{file}' was written by a newer version of Vireo (layout {version}, this version knows {SchemaVersion}); move it away to go on without it.");
        }

        Execute(
            $"""
            CREATE TABLE IF NOT EXISTS events(id INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, subject TEXT);
            CREATE TABLE IF NOT EXISTS jobs(
                id TEXT PRIMARY KEY, command TEXT NOT NULL, caller TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, status TEXT NOT NULL, error TEXT);
            CREATE INDEX IF NOT EXISTS jobs_started ON jobs(started);
            PRAGMA user_version={SchemaVersion};
            """);
    }

    /// <summary>Runs a statement; parameters are <c>$0</c>, <c>$1</c>, ...</summary>
    public int Execute(string sql, params ReadOnlySpan<object?> values)
    {
        lock (_use)
        {
            using var command = Command(sql, values);
            return command.ExecuteNonQuery();
        }
    }

    /// <summary>Reads rows.</summary>
    public IReadOnlyList<T> Query<T>(string sql, Func<SqliteDataReader, T> row, params ReadOnlySpan<object?> values)
    {
        ArgumentNullException.ThrowIfNull(row);
        lock (_use)
        {
            using var command = Command(sql, values);
            using var reader = command.ExecuteReader();
            var rows = new List<T>();
            while (reader.Read())
            {
                rows.Add(row(reader));
            }

            return rows;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private object? Scalar(string sql)
    {
        using var command = Command(sql, []);
        return command.ExecuteScalar();
    }

    private SqliteCommand Command(string sql, ReadOnlySpan<object?> values)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue($"${i}", values[i] ?? DBNull.Value);
        }

        return command;
    }
}
