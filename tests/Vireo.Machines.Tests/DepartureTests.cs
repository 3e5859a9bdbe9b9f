using Vireo.Machines.States;
using Vireo.Testing;

namespace Vireo.Machines.Tests;

/// <summary>A guest goes from one process to another, or it does not: it counts on in exactly one of them.</summary>
[Requirement("LM-1")]
public sealed class DepartureTests
{
    [Fact]
    public async Task A_guest_counts_on_in_the_other_process()
    {
        await using var pair = await Pair.StartAsync();
        var before = await pair.CountAsync();
        var still = false;
        var passes = 0;
        await pair.MoveAsync(
            still: _ =>
            {
                still = true;
                return Task.CompletedTask;
            },
            handOver: pair.Take, progress: status => passes = status.Pass);
        Assert.True(still);
        Assert.True(passes > 0);
        Assert.Equal(MachineState.Off, pair.Source.Machine.Status.State);
        Assert.Equal(MachineExitKind.TurnedOff, pair.Source.Machine.Status.LastExit?.Kind);
        Assert.Equal(MachineState.Running, pair.Destination.Machine.Status.State);
        using var line = await SerialLine.ConnectAsync(pair.Destination.Plan.ComSocket(1));
        Assert.True(await CountsOnAsync(line) > before);

        // Nothing of the network is left that a saved state would stumble over.
        await pair.Destination.Machine.SaveAsync(pair.Destination["state"]);
        Assert.Equal(MachineState.Saved, pair.Destination.Machine.Status.State);
    }

    [Fact]
    [Requirement("LM-4")]
    public async Task A_guest_that_is_not_taken_counts_on_where_it_was()
    {
        await using var pair = await Pair.StartAsync();
        var before = await pair.CountAsync();
        var refused = await Assert.ThrowsAsync<MachineException>(() => pair.MoveAsync(_ => Task.CompletedTask, () =>
        {
            pair.Refuse();
            return Task.FromResult(false);
        }));
        Assert.Equal(MachineErrorKind.Transfer, refused.Kind);
        await pair.RequireAtSourceAsync(before);

        var failed = await Assert.ThrowsAsync<IOException>(() => pair.MoveAsync(_ => throw new IOException("no disk"), () => Task.FromResult(true)));
        Assert.Equal("no disk", failed.Message);
        await pair.RequireAtSourceAsync(before);

        using var given = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pair.MoveAsync(
            stop =>
            {
                given.Cancel();
                stop.ThrowIfCancellationRequested();
                return Task.CompletedTask;
            },
            () => Task.FromResult(true), cancellation: given.Token));
        await pair.RequireAtSourceAsync(before);

        // Nothing of all that is in the way of a state in a file, or of the next attempt.
        await pair.Source.Machine.SaveAsync(pair.Source["state"]);
        await pair.Source.Machine.StartAsync(pair.Source.Start with { SavedStatePath = pair.Source["state"] }, Until.Token);
        await pair.MoveAsync(_ => Task.CompletedTask, pair.Take);
        Assert.Equal(MachineState.Running, pair.Destination.Machine.Status.State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Requirement("LM-4")]
    public async Task A_guest_stands_still_while_nobody_knows_who_has_it(bool taken)
    {
        await using var pair = await Pair.StartAsync();
        var before = await pair.CountAsync();
        await Assert.ThrowsAsync<HandOverUnknownException>(() => pair.MoveAsync(_ => Task.CompletedTask, () => throw new HandOverUnknownException("no answer")));
        Assert.True(pair.Source.Machine.IsLeaving);
        await Assert.ThrowsAsync<MachineException>(() => pair.Source.Machine.ResumeAsync());
        await Assert.ThrowsAsync<MachineException>(() => pair.Source.Machine.TurnOffAsync());

        // The host that comes after does not know either.
        await pair.Source.Machine.DisposeAsync();
        await pair.Source.OpenAsync();
        Assert.True(pair.Source.Machine.IsLeaving);
        Assert.Equal(MachineState.Paused, pair.Source.Machine.Status.State);
        Assert.Contains("another host", pair.Source.Machine.Status.CriticalReason, StringComparison.Ordinal);
        await Assert.ThrowsAsync<MachineException>(() => pair.Source.Machine.ResumeAsync());

        if (taken)
        {
            pair.Decide(true);
            await pair.Source.Machine.EndDepartureAsync(wasTaken: true);
            Assert.Equal(MachineState.Off, pair.Source.Machine.Status.State);
            await Until.TrueAsync(() => pair.Destination.Machine.Status.State == MachineState.Running, "it runs at its destination");
        }
        else
        {
            pair.Decide(false);
            await pair.Source.Machine.EndDepartureAsync(wasTaken: false);
            await pair.RequireAtSourceAsync(before);
            Assert.Null(pair.Source.Machine.Status.CriticalReason);
        }
    }

    [Fact]
    public async Task Memory_travels_as_it_is_told_to()
    {
        await using var qemu = new FakeQemu();
        await qemu.StartAsync();
        var settings = new TransferSettings { BytesPerSecond = 12_500_000, Channels = 3, Compressed = true, Downtime = TimeSpan.FromMilliseconds(70), SlowsGuest = false };

        // This QEMU never comes to the last pages.
        await Assert.ThrowsAsync<MachineException>(() => qemu.Machine.DepartAsync(
            new MachineDeparture { Address = "192.0.2.1:4711", Settings = settings, Still = _ => Task.CompletedTask, HandOver = () => Task.FromResult(false) }));
        var told = qemu.Arguments("migrate-set-parameters")[0];
        Assert.Equal(
            (12_500_000, 70, 3, "zlib"),
            (told.GetProperty("max-bandwidth").GetInt64(), told.GetProperty("downtime-limit").GetInt64(), told.GetProperty("multifd-channels").GetInt32(), told.GetProperty("multifd-compression").GetString()));
        var on = qemu.Arguments("migrate-set-capabilities")[0].GetProperty("capabilities").EnumerateArray()
            .Where(one => one.GetProperty("state").GetBoolean()).Select(one => one.GetProperty("capability").GetString());
        Assert.Equal(["events", "multifd", "pause-before-switchover"], on.Order(StringComparer.Ordinal));
        Assert.Equal("tcp:192.0.2.1:4711", Assert.Single(qemu.Arguments("migrate")).GetProperty("uri").GetString());
        // Pages that an emulated guest changes meanwhile would be missed.
        Assert.True(qemu.Commands.ToList().IndexOf("stop") is var stop and >= 0 && stop < qemu.Commands.ToList().IndexOf("migrate"));
        Assert.Contains("cont", qemu.Commands);

        // A state in a file is not to go the way of a network.
        Assert.DoesNotContain(qemu.Arguments("migrate-set-capabilities")[^1].GetProperty("capabilities").EnumerateArray(), one => one.GetProperty("state").GetBoolean());
    }

    [Theory]
    [InlineData(100, 50, 0, 2.0)]
    [InlineData(100, 50, 25, 4.0)]
    [InlineData(100, 50, 50, null)]
    [InlineData(100, 0, 0, null)]
    [InlineData(0, 1, 0, 0.0)]
    public void The_end_is_told_when_there_is_one(long remaining, long speed, long dirty, double? seconds) =>
        Assert.Equal(seconds, new TransferStatus(200, remaining, 100, 1, speed, dirty).TimeLeft?.TotalSeconds);

    private static async Task<uint> CountsOnAsync(SerialLine line)
    {
        var first = await line.AskCounterAsync();
        while (true)
        {
            var next = await line.AskCounterAsync();
            if (next > first)
            {
                return next;
            }
        }
    }

    /// <summary>A machine that runs, and one of the same configuration that waits for it.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        private TaskCompletionSource<bool> _decision = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private Pair(TestMachine source, TestMachine destination) => (Source, Destination) = (source, destination);

        public TestMachine Source { get; }

        public TestMachine Destination { get; }

        private SerialLine? Line { get; set; }

        private Task Arrived { get; set; } = Task.CompletedTask;

        public static async Task<Pair> StartAsync()
        {
            var pair = new Pair(await TestMachine.CreateAsync(), await TestMachine.CreateAsync());

            // The same machine with the same disk, served at another place.
            pair.Destination.Configuration = pair.Source.Configuration;
            pair.Destination.Plan = pair.Destination.Plan with { Drives = [pair.Source.Plan.Drives[0] with { SocketPath = pair.Destination.DiskSocket }] };
            await pair.Destination.Machine.DisposeAsync();
            await pair.Destination.OpenAsync();
            pair.Line = await pair.Source.StartAsync();
            return pair;
        }

        public async Task<uint> CountAsync() => await CountsOnAsync(Line!);

        public Task<bool> Take()
        {
            Decide(true);
            return Task.FromResult(true);
        }

        public void Refuse() => Decide(false);

        public void Decide(bool taken) => _decision.TrySetResult(taken);

        public async Task MoveAsync(Func<CancellationToken, Task> still, Func<Task<bool>> handOver, Action<TransferStatus>? progress = null, CancellationToken cancellation = default)
        {
            _decision = new(TaskCreationOptions.RunContinuationsAsynchronously);
            var listening = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            var state = await Source.Machine.DescribeStateAsync(cancellation);
            Arrived = Destination.Machine.StartAsync(
                Destination.Start with
                {
                    Arrival = new MachineArrival { State = state, Address = "127.0.0.1", Listening = port => listening.TrySetResult(port) },
                    BeforeRun = async stop =>
                    {
                        if (!await _decision.Task.WaitAsync(stop))
                        {
                            throw new IOException("not taken");
                        }
                    },
                },
                Until.Token);
            await await Task.WhenAny(listening.Task, Arrived);
            try
            {
                await Source.Machine.DepartAsync(
                    new MachineDeparture { Address = $"127.0.0.1:{await listening.Task}", Still = still, HandOver = handOver, Progress = progress ?? (_ => { }) },
                    cancellation);
                await Arrived;
            }
            catch (Exception exception) when (exception is not HandOverUnknownException)
            {
                // Whether it was told to stop or lost its other side: it ends, and the guest never ran in it.
                await Assert.ThrowsAnyAsync<Exception>(() => Arrived);
                Assert.Equal(MachineState.Off, Destination.Machine.Status.State);
                throw;
            }
        }

        public async Task RequireAtSourceAsync(uint before)
        {
            Assert.Equal(MachineState.Running, Source.Machine.Status.State);
            Line!.Dispose();
            Line = await SerialLine.ConnectAsync(Source.Plan.ComSocket(1));
            Assert.True(await CountAsync() > before);
        }

        public async ValueTask DisposeAsync()
        {
            Line?.Dispose();
            Decide(false);
            await Arrived.ContinueWith(static _ => { }, TaskScheduler.Default);
            await Source.DisposeAsync();
            await Destination.DisposeAsync();
        }
    }
}
