using Microsoft.Extensions.Logging.Abstractions;
using Vireo.Host.History;
using Vireo.Testing;

namespace Vireo.Host.Tests.History;

/// <summary>No history keeps a host from starting.</summary>
public sealed class HistoryDatabaseTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_history_is_continued_and_a_start_writes_nothing()
    {
        using (var first = new HistoryDatabase(_folder["history.db"]))
        {
            Events(first).Write("Kind", "Message", null);
        }

        using var second = new HistoryDatabase(_folder["history.db"]);
        Assert.Null(second.Trouble);
        Assert.Equal("Message", Assert.Single(Events(second).Last(10)).Message);
        Assert.False(new FileInfo(_folder["history.db-wal"]) is { Exists: true, Length: > 0 }, "A host on a full file system could not start.");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    public void A_damaged_history_is_put_aside(int from)
    {
        using (var first = new HistoryDatabase(_folder["history.db"]))
        {
            Events(first).Write("Kind", "Message", null);
        }

        var content = File.ReadAllBytes(_folder["history.db"]);
        content.AsSpan(from).Fill(0xAB);
        File.WriteAllBytes(_folder["history.db"], content);
        using (var second = new HistoryDatabase(_folder["history.db"]))
        {
            Assert.Contains("damaged", second.Trouble, StringComparison.Ordinal);
            Assert.Equal(content, File.ReadAllBytes(_folder["history.db.damaged"]));
            Use(second);
        }

        using var third = new HistoryDatabase(_folder["history.db"]);
        Assert.Null(third.Trouble);
        Assert.Single(Events(third).Last(10));
    }

    [Fact]
    public void A_history_that_has_no_place_is_kept_in_memory()
    {
        Directory.CreateDirectory(_folder["history.db"]);
        using var database = new HistoryDatabase(_folder["history.db"]);
        Assert.Contains(_folder["history.db"], database.Trouble, StringComparison.Ordinal);
        Use(database);
    }

    private static EventLog Events(HistoryDatabase database) => new(database, TimeProvider.System, NullLogger<EventLog>.Instance);

    private static void Use(HistoryDatabase database)
    {
        var events = Events(database);
        events.Write("Kind", "Again", null);
        Assert.Equal("Again", Assert.Single(events.Last(10)).Message);
        Assert.Empty(new JobLog(database, TimeProvider.System, NullLogger<JobLog>.Instance).Last(10));
    }
}
