using Vireo.Host.Metering;
using Vireo.Host.Mobility.Ownership;
using Vireo.Host.Store;
using Vireo.Platform.Files;
using Vireo.Platform.Testing;

namespace Vireo.Host.Mobility.Arrivals;

/// <summary>A machine that is on its way to this host, or has come and whose old host does not know that yet.</summary>
/// <param name="Move">Of the attempt.</param>
/// <param name="Id">This host's own name for it: the id of the import that registers the machine.</param>
/// <param name="MachineId">The machine.</param>
/// <param name="SourceHost">Where it comes from.</param>
internal sealed record ArrivalRecord(Guid Move, Guid Id, Guid MachineId, Guid SourceHost)
{
    /// <summary>The machine is this host's.</summary>
    public bool IsTaken { get; set; }

    /// <summary>What the other host counted of it, until this one goes on from there; null when that is done, or it is not metered.</summary>
    public MeterFigures? Meter { get; set; }
}

/// <summary>
/// Arrivals, one file each in <c>arrivals</c>: there before anything is made for a machine, and until its old host has heard that it was taken. What counts
/// is the machine's registration; the files only say which attempt it was of.
/// </summary>
internal sealed class ArrivalJournal(string stateFolder)
{
    private readonly string _folder = Path.Combine(stateFolder, "arrivals");
    private readonly Dictionary<Guid, ArrivalRecord> _records = [];
    private readonly HashSet<Guid> _unreadable = [];
    private readonly Lock _change = new();

    /// <summary>
    /// Reads what a host that ended left, before its imports are undone. What was not taken is not any more.
    /// </summary>
    /// <param name="isRegistered">Whether a machine was registered by an import.</param>
    /// <param name="failed">Told what cannot be read, and is left alone.</param>
    /// <returns>Machines whose guests must not run here, if a process waits for them.</returns>
    public IReadOnlyList<Guid> Recover(Func<Guid, Guid, bool> isRegistered, Action<string> failed)
    {
        var given = new List<Guid>();
        if (!Directory.Exists(_folder))
        {
            return given;
        }

        AtomicFile.SweepFolder(_folder);
        foreach (var file in Directory.EnumerateFiles(_folder, "*.json").ToList())
        {
            try
            {
                var record = JsonFile.Read(file, StoreJson.Default.ArrivalRecord, static _ => 1, 1)!;
                if (!record.IsTaken && isRegistered(record.MachineId, record.Id))
                {
                    record = Write(record with { IsTaken = true });
                }

                if (Arrival.GivenUp(Of(record, isRegistered)) is null)
                {
                    given.Add(record.MachineId);
                    AtomicFile.Delete(file);
                    continue;
                }

                _records[record.Move] = record;
            }
            catch (Exception error) when (error is StateFileException or IOException or UnauthorizedAccessException)
            {
                if (Guid.TryParse(Path.GetFileNameWithoutExtension(file), out var move))
                {
                    _unreadable.Add(move);
                }

                failed($"A note on a virtual machine that came from another host cannot be read ('{file}'): {error.Message}");
            }
        }

        return given;
    }

    /// <summary>Those that were taken and are not forgotten yet.</summary>
    public IReadOnlyList<ArrivalRecord> Taken
    {
        get
        {
            lock (_change)
            {
                return [.. _records.Values.Where(record => record.IsTaken)];
            }
        }
    }

    /// <summary>Whether what was known of an attempt cannot be read: then nothing may be said of it.</summary>
    public bool IsUnreadable(Guid move) => _unreadable.Contains(move);

    /// <summary>What is known of an attempt.</summary>
    public ArrivalRecord? Find(Guid move)
    {
        lock (_change)
        {
            return _records.GetValueOrDefault(move);
        }
    }

    /// <summary>Writes one down as it is now.</summary>
    public ArrivalRecord Write(ArrivalRecord record)
    {
        JsonFile.Write(FileOf(record.Move), record, StoreJson.Default.ArrivalRecord);
        lock (_change)
        {
            return _records[record.Move] = record;
        }
    }

    /// <summary>Forgets one.</summary>
    public void End(Guid move)
    {
        CrashPoint.Hit("host.arrival.ending");
        AtomicFile.Delete(FileOf(move));
        lock (_change)
        {
            _records.Remove(move);
        }
    }

    /// <summary>The rules' view of a record: the registration is what counts, also when it could not be noted here.</summary>
    /// <param name="record">What is written down.</param>
    /// <param name="isRegistered">Whether a machine was registered by an import.</param>
    public static Arrival? Of(ArrivalRecord? record, Func<Guid, Guid, bool> isRegistered) =>
        record is null ? null : new(record.Move, record.Id, record.IsTaken || isRegistered(record.MachineId, record.Id));

    private string FileOf(Guid move) => Path.Combine(_folder, $"{move:D}.json");
}
