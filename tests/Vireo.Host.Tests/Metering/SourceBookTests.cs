using Vireo.Host.Metering;
using Vireo.Testing;

namespace Vireo.Host.Tests.Metering;

/// <summary>Counters that begin anew, are restored from files and are read at any time: their growth is never negative and never counted twice.</summary>
[Requirement("RM-4")]
public sealed class SourceBookTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Fact]
    public void What_is_counted_is_what_happened_but_for_what_a_kill_took()
    {
        var seed = TestSeed.Next();
        output.WriteLine($"Seed {seed}");
        var random = new Random(seed);
        for (var life = 0; life < 500; life++)
        {
            // A counter that its plane stores now and then, as those of access rules are; one that never does starts at zero.
            var keeps = random.Next(2) == 0;
            var book = new SourceBook();
            book.Begin([]);
            long happened = 0, counted = 0, lostMost = 0, value = 0, start = 0, stored = 0, sinceRead = 0;
            var generation = 0;
            for (var step = random.Next(1, 80); step > 0; step--)
            {
                switch (random.Next(5))
                {
                    case 0 or 1:
                        var more = random.Next(1, 1_000_000);
                        happened += more;
                        sinceRead += more;
                        value += more;
                        break;
                    case 2:
                        stored = keeps ? value : 0;
                        break;
                    case 3:
                        // The plane is killed: what it had not stored, and nobody has read, is lost.
                        lostMost += sinceRead;
                        sinceRead = 0;
                        value = start = stored;
                        generation++;
                        break;
                    default:
                        var grown = book.Advance([new CounterReading("one", Guid.Empty, $"{generation}", [value], start)])["one"][0];
                        Assert.True(grown >= 0);
                        counted += grown;
                        sinceRead = 0;
                        if (random.Next(4) == 0)
                        {
                            // The host is killed and reads what it kept.
                            book = new SourceBook(new Dictionary<string, CounterMark>(book.Marks, StringComparer.Ordinal));
                        }

                        break;
                }

                Assert.True(counted <= happened, $"{counted} counted, {happened} happened");
            }

            counted += book.Advance([new CounterReading("one", Guid.Empty, $"{generation}", [value], start)])["one"][0];
            Assert.InRange(counted, happened - lostMost, happened);
        }
    }

    [Fact]
    public void What_was_there_before_is_not_counted_and_what_is_new_is()
    {
        var book = new SourceBook();
        book.Begin([Reading("a", "1", 100)]);
        Assert.Equal(5, book.Advance([Reading("a", "1", 105)])["a"][0]);
        Assert.Equal(7, book.Advance([Reading("b", "1", 7)])["b"][0]);
        Assert.Equal(0, book.Advance([Reading("a", "1", 105)])["a"][0]);
        Assert.Equal(0, book.Advance([Reading("a", "1", 50)])["a"][0]);
    }

    [Fact]
    public void A_counter_restored_from_a_file_goes_on_where_it_was_read_or_stored()
    {
        var book = new SourceBook();
        book.Advance([Reading("ahead", "1", 100), Reading("behind", "1", 100)]);

        // The one was stored after it was read, the other before.
        var grown = book.Advance([Reading("ahead", "2", 150, start: 130), Reading("behind", "2", 100, start: 80)]);
        Assert.Equal((50, 20), (grown["ahead"][0], grown["behind"][0]));
    }

    [Fact]
    public void Counters_of_devices_that_are_gone_are_forgotten()
    {
        var (here, gone) = (Guid.NewGuid(), Guid.NewGuid());
        var book = new SourceBook();
        book.Begin([new CounterReading("process", Guid.Empty, "1", [1]), new CounterReading("x", here, "1", [1]), new CounterReading("y", gone, "1", [1])]);
        book.Forget(id => id == here);
        Assert.Equal(["process", "x"], book.Marks.Keys.Order(StringComparer.Ordinal));
    }

    private static CounterReading Reading(string key, string generation, long value, long start = 0) => new(key, Guid.Empty, generation, [value], start);
}
