using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Vireo.Host.History;

/// <summary>
/// A database in one file, used by one statement at a time. It is written ahead with normal syncing: a killed process loses nothing that
/// was written, a power cut the last moments, and neither ever the database.
/// </summary>
public abstract class SqliteFile : IDisposable
{
    private readonly SqliteConnection _connection;
    private readonly Lock _use = new();

    /// <summary>Opens the database, or makes it.</summary>
    /// <param name="what">What is in it, for messages.</param>
    /// <param name="file">The file.</param>
    /// <param name="version">Version of its layout.</param>
    /// <param name="layout">Statements that make the tables where they are missing.</param>
    /// <exception cref="InvalidOperationException">It was written by a newer version.</exception>
    protected SqliteFile(string what, string file, int version, string layout)
    {
        SQLitePCL.Batteries_V2.Init();
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        OnlyForOwner(file);
        _connection = new SqliteConnection($"Data Source={file};Pooling=False");
        _connection.Open();
        Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;");
        using (var command = Command("PRAGMA user_version;", []))
        {
            var found = Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
            if (found > version)
            {
                throw new InvalidOperationException($"The {what} '{file}' was written by a newer version of Vireo (layout {found}, this version knows {version}); move it away to go on without it.");
            }
        }

        Execute($"{layout} PRAGMA user_version={version.ToString(CultureInfo.InvariantCulture)};");
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
