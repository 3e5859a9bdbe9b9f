using Vireo.Commands.Framework;
using Vireo.Host.Machines.Memory;
using Vireo.Machines.Configuration;
using Vireo.Testing;

namespace Vireo.Host.Tests.Memory;

/// <summary>Who gets memory on a host whose size the test chooses.</summary>
public sealed class MemoryLedgerTests
{
    private const long Megabyte = 1 << 20;

    [Fact]
    [Requirement("VM-11")]
    public async Task Many_starts_at_once_get_what_there_is_and_no_more()
    {
        var users = Enumerable.Range(0, 40).Select(_ => new User()).ToList();
        var ledger = Ledger(users, total: 4096);

        // 4096 MB less the reserve of 128: each takes 300 and what its process needs.
        var outcomes = await Task.WhenAll(users.Select(user => Task.Run(async () =>
        {
            try
            {
                // Kept: a machine that was promised memory holds it until it runs.
                _ = await ledger.ReserveAsync(Machine(user.Id, 300), 300 * Megabyte, default);
                return null;
            }
            catch (CommandException refused)
            {
                return refused;
            }
        })));
        Assert.Equal(12, outcomes.Count(outcome => outcome is null));
        Assert.All(outcomes.OfType<CommandException>(), refused => Assert.Equal("OutOfMemory", refused.ErrorId));
    }

    [Fact]
    [Requirement("DM-1")]
    public async Task A_start_waits_for_memory_that_others_give_back_and_is_refused_what_they_use()
    {
        var idle = new User { ProcessId = 1, Guest = new(Guid.NewGuid(), 100 * Megabyte, 4000 * Megabyte, 50, 20, 2000 * Megabyte, 2000 * Megabyte, 500 * Megabyte) };
        var starting = new User();
        var ledger = Ledger([idle, starting], total: 3000);
        var woken = 0;
        ledger.Wake = () => woken++;

        // 3000 - 128 - 2000 - twice 16 is 840; the other uses 500 of its 2000 only.
        var waiting = ledger.ReserveAsync(Machine(starting.Id, 1500), 1500 * Megabyte, default);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(1, woken);
        ledger.Balance();
        Assert.InRange(idle.Promised, 500 * Megabyte, 1400 * Megabyte);
        ledger.EndRound();
        await Task.Yield();
        Assert.False(waiting.IsCompleted);

        // The guest follows.
        idle.Guest = idle.Guest with { Assigned = idle.Promised, Target = idle.Promised };
        ledger.EndRound();
        using (await waiting)
        {
            var refused = await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(Machine(Guid.NewGuid(), 1500), 1500 * Megabyte, default));
            Assert.Equal("OutOfMemory", refused.ErrorId);
            Assert.Contains("1516 MB", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Requirement("DM-1")]
    public async Task What_others_on_the_host_use_and_what_guests_do_not_use_yet_is_not_promised()
    {
        // 8000 in all, 3000 used, of which 500 by a guest that was promised 2000: 8000 - 128 - 2500 - 2016 is 3356.
        var running = new User { ProcessId = 7, Static = 2000 * Megabyte };
        var ledger = new MemoryLedger(
            () => [running], () => new(8000 * Megabyte, 5000 * Megabyte), _ => new(500 * Megabyte, 0), cap: null, TimeProvider.System);
        await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(Machine(Guid.NewGuid(), 3342), 3342 * Megabyte, default));
        (await ledger.ReserveAsync(Machine(Guid.NewGuid(), 3338), 3338 * Megabyte, default)).Dispose();
    }

    [Fact]
    [Requirement("DM-1")]
    public async Task A_cap_holds_for_all_machines_together()
    {
        var ledger = new MemoryLedger(() => [], () => new(8000 * Megabyte, 8000 * Megabyte), _ => default, MemoryCap.Parse("1000"), TimeProvider.System);
        await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(Machine(Guid.NewGuid(), 990), 990 * Megabyte, default));
        (await ledger.ReserveAsync(Machine(Guid.NewGuid(), 984), 984 * Megabyte, default)).Dispose();
        Assert.Null(MemoryCap.Parse(""));
        Assert.Throws<InvalidOperationException>(() => MemoryCap.Parse("1G"));
    }

    [Fact]
    [Requirement("VM-3")]
    public async Task A_host_runs_1024_machines_and_2048_virtual_processors_at_the_most()
    {
        var users = Enumerable.Range(0, 1024).Select(number => new User { ProcessId = number + 1, Static = Megabyte, Processors = 1 }).ToList();
        var ledger = Ledger(users, total: 1 << 20);
        var refused = await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(Machine(Guid.NewGuid(), 32), 32 * Megabyte, default));
        Assert.Contains("at most 1024", refused.Message, StringComparison.Ordinal);
        users.RemoveAt(0);
        (await ledger.ReserveAsync(Machine(Guid.NewGuid(), 32), 32 * Megabyte, default)).Dispose();
        users[0].Processors = 1000;
        refused = await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(Machine(Guid.NewGuid(), 32, processors: 64), 32 * Megabyte, default));
        Assert.Contains("2048", refused.Message, StringComparison.Ordinal);
        users[0].Processors = 1;
        users[0].ReservedProcessors = Environment.ProcessorCount - 0.5;
        refused = await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(Machine(Guid.NewGuid(), 32, reserve: 60), 32 * Megabyte, default));
        Assert.Contains("reserved", refused.Message, StringComparison.Ordinal);
        (await ledger.ReserveAsync(Machine(Guid.NewGuid(), 32, reserve: 50), 32 * Megabyte, default)).Dispose();
    }

    [Fact]
    [Requirement("DM-4")]
    public async Task Only_a_guest_that_starts_anew_gets_less_than_it_needs_and_only_when_nobody_has_any_to_spare()
    {
        // 3000 - 128 - 2000 - twice 16 is 840.
        var other = new User { ProcessId = 1, Guest = new(Guid.NewGuid(), 100 * Megabyte, 4000 * Megabyte, 50, 0, 2000 * Megabyte, 2000 * Megabyte, 1500 * Megabyte) };
        var restarting = new User { ProcessId = 2 };
        var ledger = Ledger([other, restarting], total: 3000);
        var machine = Machine(restarting.Id, 1600);

        // A start from off is refused, whatever the least memory of the machine is.
        var refused = await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(machine, 1600 * Megabyte, default));
        Assert.Equal("OutOfMemory", refused.ErrorId);

        // The other has 500 more than it uses: they are taken back first, and no more than they.
        var waiting = ledger.ReserveAsync(machine, 1600 * Megabyte, 512 * Megabyte, default);
        Assert.False(waiting.IsCompleted);
        ledger.Balance();
        Assert.Equal(1500 * Megabyte, other.Promised);
        ledger.EndRound();
        await Task.Yield();
        Assert.False(waiting.IsCompleted);
        other.Guest = other.Guest with { Assigned = other.Promised, Target = other.Promised };
        ledger.EndRound();
        using (var reservation = await waiting)
        {
            Assert.Equal(1340 * Megabyte, reservation.Bytes);
        }

        // With all that it needs free, it gets that; with less than its least memory, nothing.
        using (var reservation = await ledger.ReserveAsync(Machine(restarting.Id, 1300), 1300 * Megabyte, 512 * Megabyte, default))
        {
            Assert.Equal(1300 * Megabyte, reservation.Bytes);
        }

        await Assert.ThrowsAsync<CommandException>(() => ledger.ReserveAsync(machine, 1600 * Megabyte, 1400 * Megabyte, default));
    }

    [Fact]
    [Requirement("DM-4")]
    public void A_guest_that_does_not_give_back_what_is_paged_comes_before_the_others_in_the_end()
    {
        var other = new User { ProcessId = 1, Guest = new(Guid.NewGuid(), 100 * Megabyte, 4000 * Megabyte, 50, 0, 2500 * Megabyte, 2500 * Megabyte, 2400 * Megabyte) };
        var late = new User { ProcessId = 2, Guest = new(Guid.NewGuid(), 100 * Megabyte, 1000 * Megabyte, 50, 0, 200 * Megabyte, 200 * Megabyte, null), OverdueBytes = 300 * Megabyte };
        var ledger = Ledger([other, late], total: 3000);

        // 3000 - 128 - 2500 - 200 - twice 16 is 140: what the other uses is asked for.
        ledger.Balance();
        Assert.Equal(0, late.Added);
        Assert.InRange(other.Promised, 2300 * Megabyte, 2340 * Megabyte);
        other.Guest = other.Guest with { Assigned = other.Promised, Target = other.Promised };
        ledger.Balance();
        Assert.Equal(300 * Megabyte, late.Added);
        Assert.Equal(0, late.OverdueBytes);
    }

    [Fact]
    [Requirement("VM-2")]
    public async Task Many_starts_at_once_look_at_the_processes_of_all_the_others_once()
    {
        var users = Enumerable.Range(0, 200).Select(number => new User { ProcessId = number + 1, Static = Megabyte }).ToList();
        var looks = 0;
        var ledger = new MemoryLedger(
            () => users, () => new(1L << 40, 1L << 40), _ =>
            {
                looks++;
                return new(Megabyte, 0);
            }, cap: null, new StandingClock());
        for (var number = 0; number < 100; number++)
        {
            (await ledger.ReserveAsync(Machine(Guid.NewGuid(), 32), 32 * Megabyte, default)).Dispose();
        }

        Assert.Equal(users.Count, looks);

        // Sharing memory out always looks.
        ledger.Balance();
        Assert.Equal(2 * users.Count, looks);
    }

    private static MemoryLedger Ledger(IEnumerable<User> users, long total) =>
        new(() => users, () => new(total * Megabyte, total * Megabyte), _ => default, cap: null, TimeProvider.System);

    private static VirtualMachineConfiguration Machine(Guid id, long megabytes, int processors = 1, int reserve = 0) => new()
    {
        Id = id,
        Name = "machine",
        Generation = 2,
        CreationTime = DateTimeOffset.UnixEpoch,
        Path = "/vm",
        SnapshotFileLocation = "/vm",
        SmartPagingFilePath = "/vm",
        Memory = new() { StartupBytes = megabytes * Megabyte },
        Processor = new() { Count = processors, ReservePercent = reserve },
    };

    private sealed class StandingClock : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }

    private sealed class User : IMemoryUser
    {
        public Guid Id { get; } = Guid.NewGuid();

        public int? ProcessId { get; init; }

        public int Processors { get; set; } = 1;

        public double ReservedProcessors { get; set; }

        public bool IsDynamic => Guest is not null;

        public long Static { get; init; }

        public GuestMemory? Guest { get; set; }

        public long Promised { get; private set; }

        public long CommittedBytes => Guest?.Committed ?? Static;

        public long HeldBytes => 0;

        public long OverdueBytes { get; set; }

        public long Added { get; private set; }

        public void AddPhysical(long bytes) => (Added, OverdueBytes) = (Added + bytes, 0);

        public GuestMemory? ForPolicy() => Guest;

        public void Promise(long bytes) => Promised = bytes;
    }
}
