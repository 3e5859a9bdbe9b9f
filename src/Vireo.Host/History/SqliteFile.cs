using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Vireo.Host.History;

/// <summary>
/// A database in one file, used by one statement at a time. It is written ahead with normal syncing: a killed process loses nothing that
/// was written, a power cut the last moments, and neither ever the database.
/// </summary>
public abstract class SqliteFile : IDisposable
{
    // SQLite's result codes, https://www.sqlite.org/rescode.html
    private const int Corrupt = 11;
    private const int NotADatabase = 26;

    private readonly SqliteConnection _connection;
    private readonly Lock _use = new();

    /// <summary>
    /// Opens the database, or makes it. Nothing that the host needs to run is in it: one that is damaged is put aside, and where none can be
    /// used, for instance because the file system is full, the host goes on with one in memory. <see cref="Trouble"/> says so.
    /// </summary>
    /// <param name="what">What is in it, for messages.</param>
    /// <param name="file">The file.</param>
    /// <param name="version">Version of its layout.</param>
    /// <param name="layout">Statements that make the tables where they are missing, and read what must be readable.</param>
    /// <exception cref="InvalidOperationException">It was written by a newer version.</exception>
    protected SqliteFile(string what, string file, int version, string layout)
    {
        SQLitePCL.Batteries_V2.Init();
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            try
            {
                _connection = OpenFile(what, file, version, layout);
            }
            catch (SqliteException damage) when (damage.SqliteErrorCode is Corrupt or NotADatabase)
            {
                PutAside(file);
                Trouble = $"The {what} '{file}' was damaged ({damage.Message}). It is kept as '{Aside(file)}'; a new one was begun.";
                _connection = OpenFile(what, file, version, layout);
            }
        }
        catch (Exception refusal) when (refusal is SqliteException or IOException or UnauthorizedAccessException)
        {
            Trouble = $"The {what} '{file}' cannot be used: {refusal.Message} Until the host is started again it is kept in memory only. Make room on the file system, then restart the host.";
            _connection = Open(what, ":memory:", version, layout);
        }
    }

    /// <summary>Why the file is a new one, or none; null when all is well.</summary>
    public string? Trouble { get; }

    private static SqliteConnection OpenFile(string what, string file, int version, string layout)
    {
        OnlyForOwner(file);
        return Open(what, file, version, layout);
    }

    private static SqliteConnection Open(string what, string source, int version, string layout)
    {
        var connection = new SqliteConnection($"Data Source={source};Pooling=False");
        try
        {
            connection.Open();
            Run(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version;";
            var found = Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
            if (found > version)
            {
                throw new InvalidOperationException($"The {what} '{source}' was written by a newer version of Vireo (layout {found}, this version knows {version}); move it away to go on without it.");
            }

            Run(connection, layout);
            if (found != version)
            {
                // Only then: a start writes nothing, so that it needs no room.
                Run(connection, $"PRAGMA user_version={version.ToString(CultureInfo.InvariantCulture)};");
            }

            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string Aside(string file) => $"{file}.damaged";

    /// <summary>One damaged file is kept, for whoever wants to see what happened; what SQLite keeps beside it goes, it would be taken for the new one's.</summary>
    private static void PutAside(string file)
    {
        File.Move(file, Aside(file), overwrite: true);
        File.Delete($"{file}-wal");
        File.Delete($"{file}-shm");
    }

    // SQLite makes the files beside it with the same mode.
    private static void OnlyForOwner(string file)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (new FileStream(file, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, UnixCreateMode = ownerOnly }))
        {
        }

        File.SetUnixFileMode(file, ownerOnly);
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

    /// <summary>Runs several statements, all or none of them.</summary>
    public void ExecuteTogether(IEnumerable<(string Sql, object?[] Values)> statements)
    {
        ArgumentNullException.ThrowIfNull(statements);
        lock (_use)
        {
            using var transaction = _connection.BeginTransaction();
            foreach (var (sql, values) in statements)
            {
                using var command = Command(sql, values);
                command.Transaction = transaction;
                command.ExecuteNonQuery();
            }

            transaction.Commit();
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
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the file.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _connection.Dispose();
        }
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
