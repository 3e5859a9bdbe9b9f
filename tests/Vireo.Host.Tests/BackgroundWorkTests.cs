using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Host.History;
using Vireo.Testing;

namespace Vireo.Host.Tests;

/// <summary>What goes on in the background neither ends unnoticed nor takes the host along.</summary>
public sealed class BackgroundWorkTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly HistoryDatabase _database;
    private readonly EventLog _events;
    private readonly BackgroundWork _background;

    public BackgroundWorkTests()
    {
        _database = new HistoryDatabase(_folder["history.db"]);
        _events = new EventLog(_database, TimeProvider.System, NullLogger<EventLog>.Instance);
        _background = new BackgroundWork(_events, new ImpatientClock(), NullLogger.Instance);
    }

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_fails_is_told_once_and_begins_again()
    {
        var times = 0;
        await _background.RunAsync("Counting", _ => ++times < 4 ? throw new InvalidOperationException("One too few.") : Task.CompletedTask, CancellationToken.None);
        Assert.Equal(4, times);
        var told = Assert.Single(_events.Last(10));
        Assert.Equal("BackgroundWorkFailed", told.Kind);
        Assert.Contains("Counting", told.Message, StringComparison.Ordinal);
        Assert.Contains("One too few.", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_ends_with_the_host_and_that_is_no_failure()
    {
        using var stopping = new CancellationTokenSource();
        var running = _background.RunAsync("Waiting", token => Task.Delay(Timeout.Infinite, token), stopping.Token);
        Assert.False(running.IsCompleted);
        await stopping.CancelAsync();
        await running;
        Assert.Empty(_events.Last(10));
    }

    [Fact]
    public async Task A_cancellation_of_its_own_is_a_failure()
    {
        var times = 0;
        await _background.RunAsync("Asking", _ => ++times == 1 ? throw new OperationCanceledException() : Task.CompletedTask, CancellationToken.None);
        Assert.Equal(2, times);
        Assert.Single(_events.Last(10));
    }
}
