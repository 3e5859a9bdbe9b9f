using System.Collections.Concurrent;
using Vireo.Host.Mobility.Ownership;
using Vireo.Host.Store;
using Vireo.Machines.Configuration;
using Vireo.Platform.Files;

namespace Vireo.Host.Mobility.Departures;

/// <summary>A machine on its way to another host.</summary>
/// <param name="Move">Of the attempt.</param>
/// <param name="MachineId">The machine.</param>
/// <param name="Peer">The other host's identity.</param>
/// <param name="PeerName">Its name, for people.</param>
internal sealed record DepartureRecord(Guid Move, Guid MachineId, Guid Peer, string PeerName)
{
    /// <summary>How far it is.</summary>
    public DeparturePhase Phase { get; set; }

    /// <summary>What the other host calls its side of the attempt.</summary>
    public Guid Arrival { get; set; }

    /// <summary>What is not needed here once the other host has the machine.</summary>
    public StorageMoveRecord? Sources { get; set; }

    /// <summary>The machine as it was when the other host was asked: its file may be written by both.</summary>
    public VirtualMachineConfiguration? Machine { get; set; }

    /// <summary>A file beside the machine's that shows that both hosts have its folder; deleted when the move ends.</summary>
    public string? Mark { get; set; }

    /// <summary>Whether what was written down can be read: if not, nobody knows whose the machine is, and whom to ask.</summary>
    public bool IsReadable => Move != Guid.Empty;

    /// <summary>The rules' view.</summary>
    public Departure Departure() => new(Move, Phase, Arrival);

    /// <summary>The same with what the rules say.</summary>
    public DepartureRecord With(Departure departure) => this with { Phase = departure.Phase, Arrival = departure.Arrival };
}

/// <summary>Departures, one file for each machine in <c>departures</c>: there before another host is asked for anything, and until nothing is left to do here.</summary>
internal sealed class DepartureJournal(string stateFolder)
{
    private readonly string _folder = Path.Combine(stateFolder, "departures");
    private readonly ConcurrentDictionary<Guid, DepartureRecord> _records = new();
    private readonly List<DepartureRecord> _givenUp = [];
    private readonly List<DepartureRecord> _unreadable = [];

    /// <summary>Those of a host before this one that came to nothing: the other hosts may still wait.</summary>
    public IReadOnlyList<DepartureRecord> GivenUp => _givenUp;

    /// <summary>Reads what a host that ended left. What was only prepared is over.</summary>
    /// <param name="failed">Told what cannot be read, and is left alone.</param>
    public void Load(Action<string> failed)
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        AtomicFile.SweepFolder(_folder);
        foreach (var file in Directory.EnumerateFiles(_folder, "*.json").ToList())
        {
            try
            {
                var record = JsonFile.Read(file, StoreJson.Default.DepartureRecord, static _ => 1, 1)!;
                if (Departure.Restarted(record.Departure()) is null)
                {
                    DeleteMark(record);
                    AtomicFile.Delete(file);
                    _givenUp.Add(record);
                    continue;
                }

                _records[record.MachineId] = record;
            }
            catch (Exception error) when (error is StateFileException or IOException or UnauthorizedAccessException)
            {
                failed($"Whether a virtual machine is on its way to another host cannot be read ('{file}'): {error.Message}");
                if (Guid.TryParse(Path.GetFileNameWithoutExtension(file), out var machine))
                {
                    _unreadable.Add(new DepartureRecord(Guid.Empty, machine, Guid.Empty, "") { Phase = DeparturePhase.InDoubt });
                }
            }
        }
    }

    /// <summary>Machines whose notes are damaged: another host may have them.</summary>
    public IReadOnlyList<DepartureRecord> Unreadable => _unreadable;

    /// <summary>Deletes the file beside the machine's that the move made.</summary>
    /// <exception cref="IOException">It cannot be deleted.</exception>
    public static void DeleteMark(DepartureRecord record)
    {
        // Only what a move made, whatever the record says.
        if (record.Mark is { } mark && Path.GetFileName(mark) == $".{record.Move:N}.shared")
        {
            File.Delete(mark);
        }
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<DepartureRecord> All => [.. _records.Values];

    /// <summary>That of a machine.</summary>
    public DepartureRecord? Find(Guid machine) => _records.GetValueOrDefault(machine);

    /// <summary>Writes one down as it is now.</summary>
    public DepartureRecord Write(DepartureRecord record)
    {
        JsonFile.Write(FileOf(record.MachineId), record, StoreJson.Default.DepartureRecord);
        return _records[record.MachineId] = record;
    }

    /// <summary>Forgets one.</summary>
    public void End(Guid machine)
    {
        AtomicFile.Delete(FileOf(machine));
        _records.TryRemove(machine, out _);
    }

    private string FileOf(Guid machine) => Path.Combine(_folder, $"{machine:D}.json");
}
