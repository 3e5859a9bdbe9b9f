using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Host.History;

namespace Vireo.Host.Metering;

/// <summary>A machine or a pool that is metered.</summary>
internal sealed class Meter
{
    /// <summary>Key: <c>machine ID</c> or <c>pool ID</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>Its name, for people.</summary>
    public required string Name { get; set; }

    /// <summary>Figures since metering was enabled, or reset.</summary>
    public required MeterFigures Total { get; set; }

    /// <summary>Figures of the hour that is under way; its row in the history is <see cref="HourRow"/>.</summary>
    public required MeterFigures Hour { get; set; }

    /// <summary>Row of <see cref="Hour"/>.</summary>
    public long HourRow { get; set; }
}

/// <summary>A period in the history.</summary>
/// <param name="Subject">Whose: <see cref="Meter.Subject"/>.</param>
/// <param name="Name">Its name then.</param>
/// <param name="Ended">When the period ended, or was written last.</param>
/// <param name="Figures">Its figures.</param>
internal sealed record MeterPeriod(string Subject, string Name, DateTimeOffset Ended, MeterFigures Figures);

/// <summary>How figures look in the database.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(Meter))]
[JsonSerializable(typeof(MeterFigures))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, CounterMark>))]
internal sealed partial class MeterJson : JsonSerializerContext;

/// <summary>
/// Figures and the counters they were made of, in SQLite, and a history by the hour of bounded size. Figures and counters are written
/// together: whatever ends the host, nothing is counted twice.
/// </summary>
/// <param name="file">The file.</param>
/// <exception cref="InvalidOperationException">It was written by a newer version.</exception>
internal sealed class MeterDatabase(string file) : SqliteFile(
    "metering database",
    file,
    version: 1,
    """
    CREATE TABLE IF NOT EXISTS meters(subject TEXT PRIMARY KEY, meter TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS counters(machine TEXT PRIMARY KEY, marks TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS periods(
        id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, name TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL, figures TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS periods_started ON periods(started);
    SELECT COUNT(LENGTH(meter)) FROM meters;
    SELECT COUNT(LENGTH(marks)) FROM counters;
    SELECT MAX(id) FROM periods;
    """)
{
    /// <summary>Periods that are kept, whoever's they are; the oldest go first.</summary>
    public const int KeptPeriods = 250_000;

    private long _nextPeriod;

    /// <summary>Everything that is metered.</summary>
    public IReadOnlyList<Meter> LoadMeters() =>
        Query("SELECT meter FROM meters", static row => JsonSerializer.Deserialize(row.GetString(0), MeterJson.Default.Meter)!);

    /// <summary>What was read last of each machine's counters.</summary>
    public IReadOnlyDictionary<Guid, SourceBook> LoadCounters() =>
        Query("SELECT machine, marks FROM counters", static row => (
            Machine: Guid.Parse(row.GetString(0)),
            Book: new SourceBook(JsonSerializer.Deserialize(row.GetString(1), MeterJson.Default.IReadOnlyDictionaryStringCounterMark))))
        .ToDictionary(static row => row.Machine, static row => row.Book);

    /// <summary>A number for a new period.</summary>
    public long NextPeriod()
    {
        if (_nextPeriod == 0)
        {
            _nextPeriod = Query("SELECT COALESCE(MAX(id), 0) FROM periods", static row => row.GetInt64(0))[0];
        }

        return ++_nextPeriod;
    }

    /// <summary>Writes figures, counters and the hours under way, all or nothing.</summary>
    public void Save(IEnumerable<Meter> meters, IEnumerable<(Guid Machine, SourceBook Book)> books, DateTimeOffset now) => ExecuteTogether(
        meters.SelectMany(meter => new (string, object?[])[]
        {
            ("INSERT INTO meters(subject, meter) VALUES($0, $1) ON CONFLICT(subject) DO UPDATE SET meter = excluded.meter",
                [meter.Subject, JsonSerializer.Serialize(meter, MeterJson.Default.Meter)]),
            ("INSERT INTO periods(id, subject, name, started, ended, figures) VALUES($0, $1, $2, $3, $4, $5) ON CONFLICT(id) DO UPDATE SET name = excluded.name, ended = excluded.ended, figures = excluded.figures",
                [meter.HourRow, meter.Subject, meter.Name, meter.Hour.Since.ToUnixTimeSeconds(), now.ToUnixTimeSeconds(), JsonSerializer.Serialize(meter.Hour, MeterJson.Default.MeterFigures)]),
        })
        .Concat(books.Select(one => (
            "INSERT INTO counters(machine, marks) VALUES($0, $1) ON CONFLICT(machine) DO UPDATE SET marks = excluded.marks",
            new object?[] { one.Machine.ToString("D"), JsonSerializer.Serialize(one.Book.Marks, MeterJson.Default.IReadOnlyDictionaryStringCounterMark) }))));

    /// <summary>Ends the metering of a machine or pool; its history stays.</summary>
    public void Remove(string subject) => Execute("DELETE FROM meters WHERE subject = $0", subject);

    /// <summary>Forgets a machine's counters.</summary>
    public void RemoveCounters(Guid machine) => Execute("DELETE FROM counters WHERE machine = $0", machine.ToString("D"));

    /// <summary>Removes the oldest periods that are too many.</summary>
    public void Trim(int kept = KeptPeriods) => Execute("DELETE FROM periods WHERE id <= (SELECT COALESCE(MAX(id), 0) FROM periods) - $0", kept);

    /// <summary>Makes what was written safe against a power cut.</summary>
    public void Sync() => Execute("PRAGMA wal_checkpoint(PASSIVE);");

    /// <summary>Periods that began in a span of time, oldest first.</summary>
    public IReadOnlyList<MeterPeriod> Periods(DateTimeOffset from, DateTimeOffset until) => Query(
        "SELECT subject, name, ended, figures FROM periods WHERE started >= $0 AND started < $1 ORDER BY started, id",
        static row => new MeterPeriod(
            row.GetString(0), row.GetString(1), DateTimeOffset.FromUnixTimeSeconds(row.GetInt64(2)),
            JsonSerializer.Deserialize(row.GetString(3), MeterJson.Default.MeterFigures)!),
        from.ToUnixTimeSeconds(), until.ToUnixTimeSeconds());
}
