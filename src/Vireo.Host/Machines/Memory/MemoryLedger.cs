using Vireo.Commands.Framework;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Machines.Memory;

/// <summary>A machine that uses the host's memory and processors.</summary>
internal interface IMemoryUser
{
    /// <summary>The machine.</summary>
    Guid Id { get; }

    /// <summary>Its process; null when it has none.</summary>
    int? ProcessId { get; }

    /// <summary>Its virtual processors.</summary>
    int Processors { get; }

    /// <summary>Logical processors that it has for sure.</summary>
    double ReservedProcessors { get; }

    /// <summary>It runs, and its memory follows its demand.</summary>
    bool IsDynamic { get; }

    /// <summary>What its guest may touch, in bytes; 0 without a process.</summary>
    long CommittedBytes { get; }

    /// <summary>Bytes of the guest's memory that are really there, where the process does not tell: what is made before it is used. 0 else.</summary>
    long HeldBytes { get; }

    /// <summary>Memory that the guest may touch and that is in a smart paging file for too long already. 0 else.</summary>
    long OverdueBytes { get; }

    /// <summary>Gives the guest memory for what is in its smart paging file. Under the ledger's lock.</summary>
    void AddPhysical(long bytes);

    /// <summary>The machine as the policy sees it; null when its guest cannot be asked anything.</summary>
    GuestMemory? ForPolicy();

    /// <summary>Promises the guest memory, or takes a promise back. Under the ledger's lock.</summary>
    void Promise(long bytes);
}

/// <summary>Memory promised to a machine until this is disposed.</summary>
/// <param name="bytes">How much.</param>
/// <param name="release">Ends the promise.</param>
internal sealed class MemoryReservation(long bytes, Action release) : IDisposable
{
    /// <summary>How much.</summary>
    public long Bytes => bytes;

    /// <inheritdoc/>
    public void Dispose() => release();
}

/// <summary>
/// Who was promised how much of the host's memory. A machine starts, and a guest grows, only with a promise that this host can keep when everybody
/// takes all that he was promised: so pressure ends in slower guests or a refused start, never in a killed one. Checking and promising are one
/// step, so that many machines started at once do not all count the same free memory.
/// </summary>
internal sealed class MemoryLedger
{
    /// <summary>Most machines of a host that run at once.</summary>
    public const int MostRunning = 1024;

    /// <summary>Most virtual processors of the machines that run at once.</summary>
    public const int MostProcessors = 2048;

    // Less than this nobody is asked to give back.
    private const long LeastReclaimable = 16 * MemoryPolicy.Step;

    // Many machines started at once do not each look at every process of all the others.
    private static readonly TimeSpan s_snapshotAge = TimeSpan.FromMilliseconds(250);

    // Guests give memory back within a second or two; one that does not in this time will not.
    private static readonly TimeSpan s_reclaimPatience = TimeSpan.FromSeconds(30);
    private readonly Func<IEnumerable<IMemoryUser>> _machines;
    private readonly Func<MemoryReading> _read;
    private readonly Func<int, ProcessMemory> _readProcess;
    private readonly long? _cap;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, long> _starting = [];
    private readonly Dictionary<Guid, long> _waiting = [];
    private Snapshot? _snapshot;
    private TaskCompletionSource _round = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Opens the ledger.</summary>
    /// <param name="machines">The machines of this host.</param>
    /// <param name="read">Reads the host's memory.</param>
    /// <param name="readProcess">Reads a process's memory.</param>
    /// <param name="cap">The most that machines may have together; null is all that there is.</param>
    /// <param name="time">Clock.</param>
    public MemoryLedger(
        Func<IEnumerable<IMemoryUser>> machines, Func<MemoryReading> read, Func<int, ProcessMemory> readProcess, long? cap, TimeProvider time)
    {
        _machines = machines;
        _read = read;
        _readProcess = readProcess;
        _cap = cap;
        _time = time;
    }

    /// <summary>Somebody waits for memory that others are to give back: balance now.</summary>
    public Action Wake { get; set; } = static () => { };

    /// <summary>
    /// Promises a machine <paramref name="bytes"/> until the result is disposed; by then it runs, or does not. Where they are not free but others
    /// have more than they use, waits until those have given it back.
    /// </summary>
    /// <exception cref="CommandException">The host has not enough.</exception>
    public Task<MemoryReservation> ReserveAsync(VirtualMachineConfiguration machine, long bytes, CancellationToken cancellation) =>
        ReserveAsync(machine, bytes, bytes, cancellation);

    /// <summary>
    /// As <see cref="ReserveAsync(VirtualMachineConfiguration, long, CancellationToken)"/>, for a guest that starts anew: where nothing is free and
    /// nobody has more than he uses, it gets what there is, if that is at least <paramref name="least"/>. The rest is for a smart paging file.
    /// </summary>
    /// <exception cref="CommandException">The host has not even that.</exception>
    public async Task<MemoryReservation> ReserveAsync(VirtualMachineConfiguration machine, long bytes, long least, CancellationToken cancellation)
    {
        var needed = bytes + ProcessMemory.LeastOverhead;
        var since = _time.GetTimestamp();
        try
        {
            while (true)
            {
                Task round;
                lock (_lock)
                {
                    var books = Read(machine.Id);
                    RequireRoom(machine, books);
                    if (needed <= books.Free)
                    {
                        return Promise(machine.Id, bytes);
                    }

                    var reclaimable = Math.Max(0, books.Reclaimable - _waiting.Where(other => other.Key != machine.Id).Sum(other => other.Value));
                    var isLate = _time.GetElapsedTime(since) > s_reclaimPatience;
                    var there = Math.Min(books.Free - ProcessMemory.LeastOverhead, bytes) / MemoryPolicy.Step * MemoryPolicy.Step;
                    if (needed > books.Free + reclaimable || isLate)
                    {
                        // Who may get less still takes what others do not use before anything is paged.
                        if (there >= least && (isLate || reclaimable < LeastReclaimable))
                        {
                            return Promise(machine.Id, there);
                        }

                        if (isLate || books.Free + reclaimable - ProcessMemory.LeastOverhead < least)
                        {
                            throw Refuse(machine, needed, books.Free);
                        }
                    }

                    _waiting[machine.Id] = Math.Min(needed, Math.Max(0, books.Free + reclaimable));
                    round = _round.Task;
                }

                Wake();
                await round.WaitAsync(s_reclaimPatience, _time, cancellation);
            }
        }
        catch (TimeoutException)
        {
            throw Refuse(machine, needed, 0);
        }
        finally
        {
            lock (_lock)
            {
                _waiting.Remove(machine.Id);
            }
        }
    }

    /// <summary>Bytes that a machine could have now, whatever it has.</summary>
    public long FreeFor(Guid machine)
    {
        lock (_lock)
        {
            return Read(machine).Free - ProcessMemory.LeastOverhead;
        }
    }

    private MemoryReservation Promise(Guid machine, long bytes)
    {
        _starting[machine] = bytes + ProcessMemory.LeastOverhead;
        return new MemoryReservation(bytes, () => Release(machine));
    }

    /// <summary>Shares what there is among the guests whose memory follows their demand: from here on it is promised.</summary>
    public void Balance()
    {
        lock (_lock)
        {
            _snapshot = null;
            var books = Read(except: null);
            var overdue = 0L;
            foreach (var late in _machines().Where(keeper => keeper.OverdueBytes > 0))
            {
                // Its guest has not given back what it lacked when it started anew: from here on it comes before everybody.
                if (late.OverdueBytes <= books.Free)
                {
                    late.AddPhysical(late.OverdueBytes);
                    books = Read(except: null);
                }
                else
                {
                    overdue += late.OverdueBytes;
                }
            }

            var keepers = _machines().Where(keeper => keeper.IsDynamic && !_starting.ContainsKey(keeper.Id))
                .Select(keeper => (Keeper: keeper, Guest: keeper.ForPolicy())).Where(pair => pair.Guest is not null).ToList();
            if (keepers.Count == 0)
            {
                return;
            }

            var guests = keepers.Select(pair => pair.Guest!).ToList();
            var budget = books.Free + guests.Sum(guest => guest.Committed) - _waiting.Values.Sum() - overdue;
            var next = MemoryPolicy.Next(budget, guests);
            foreach (var (keeper, guest) in keepers)
            {
                keeper.Promise(next[guest!.Id]);
            }
        }
    }

    /// <summary>A round of looking and asking has ended: whoever waits for memory looks again.</summary>
    public void EndRound()
    {
        TaskCompletionSource ended;
        lock (_lock)
        {
            ended = _round;
            _round = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        ended.TrySetResult();
    }

    private static CommandException Refuse(VirtualMachineConfiguration machine, long needed, long free) => new(
        "OutOfMemory", ErrorCategory.ResourceUnavailable,
        $"The virtual machine '{machine.Name}' cannot start: it needs {needed >> 20} MB and the host has {Math.Max(0, free) >> 20} MB left; stop another machine or give this one less memory.",
        machine.Name);

    private static void RequireRoom(VirtualMachineConfiguration machine, Books books)
    {
        if (books.Running >= MostRunning)
        {
            throw new CommandException(
                "Unspecified", ErrorCategory.NotSpecified,
                $"The virtual machine '{machine.Name}' cannot start: {books.Running} virtual machines run, and a host runs at most {MostRunning}.", machine.Name);
        }

        if (books.Processors + machine.Processor.Count > MostProcessors)
        {
            throw new CommandException(
                "Unspecified", ErrorCategory.NotSpecified,
                $"The virtual machine '{machine.Name}' cannot start: its {machine.Processor.Count} virtual processors and the {books.Processors} of those that run are more than the {MostProcessors} of a host.",
                machine.Name);
        }

        var reserve = machine.Processor.Count * machine.Processor.ReservePercent / 100.0;
        if (reserve > 0 && reserve + books.Reserved > Environment.ProcessorCount)
        {
            throw new CommandException(
                "Unspecified", ErrorCategory.NotSpecified,
                $"The virtual machine '{machine.Name}' cannot start: {reserve:0.##} of the host's {Environment.ProcessorCount} processors are reserved for it, and {books.Reserved:0.##} for those that run. Give it a smaller reserve with 'Set-VMProcessor -Reserve'.",
                machine.Name);
        }
    }

    /// <summary>What is free and what others could give back, but for the machine that asks.</summary>
    private Books Read(Guid? except)
    {
        var machines = _machines().ToList();
        var snapshot = Look(machines);

        // Those that have ended since are among them, as they are among what the host had in use.
        var resident = snapshot.Resident;
        long promised = 0, reclaimable = 0;
        int running = 0, processors = 0;
        double reserved = 0;
        foreach (var keeper in machines)
        {
            var process = keeper.ProcessId is { } id ? snapshot.Processes.GetValueOrDefault(id) : default;
            var committed = keeper.CommittedBytes;
            resident += keeper.HeldBytes is > 0 and var held ? Math.Max(0, process.Overhead + Math.Min(held, committed) - process.Resident) : 0;
            var claim = committed == 0 ? 0 : committed + Math.Max(process.Overhead, ProcessMemory.LeastOverhead);

            if (keeper.Id != except && (keeper.ProcessId is not null || _starting.ContainsKey(keeper.Id)))
            {
                running++;
                processors += keeper.Processors;
                reserved += keeper.ReservedProcessors;
            }

            // One that is being started is counted once, by what it will have at the most.
            promised += keeper.Id == except ? 0 : Math.Max(claim, _starting.GetValueOrDefault(keeper.Id));
            if (keeper.Id != except && keeper.IsDynamic && keeper.ForPolicy() is { Demand: not null } guest)
            {
                reclaimable += Math.Max(0, guest.Committed - MemoryPolicy.Needed(guest));
            }
        }

        // What is used and not the guests' is lost to them; what they do not use yet is promised all the same.
        var host = snapshot.Host;
        var others = Math.Max(0, host.Total - host.Available - resident);
        var budget = Math.Min(host.Total - host.Reserve - others, _cap ?? long.MaxValue);
        return new(budget - promised, reclaimable, running, processors, reserved);
    }

    // Host and processes are looked at together: what a process took or gave since then is missing on both sides.
    private Snapshot Look(IEnumerable<IMemoryUser> machines)
    {
        if (_snapshot is not { } known || _time.GetElapsedTime(known.At) > s_snapshotAge)
        {
            var host = _read();
            var processes = new Dictionary<int, ProcessMemory>();
            foreach (var id in machines.Select(machine => machine.ProcessId).OfType<int>())
            {
                processes[id] = _readProcess(id);
            }

            _snapshot = known = new(_time.GetTimestamp(), host, processes, processes.Values.Sum(process => process.Resident));
        }

        return known;
    }

    private void Release(Guid machine)
    {
        lock (_lock)
        {
            _starting.Remove(machine);
        }
    }

    private sealed record Snapshot(long At, MemoryReading Host, IReadOnlyDictionary<int, ProcessMemory> Processes, long Resident);

    private readonly record struct Books(long Free, long Reclaimable, int Running, int Processors, double Reserved);
}
