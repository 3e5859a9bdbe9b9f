using Vireo.Host.Mobility.Ownership;
using Vireo.Testing;

namespace Vireo.Host.Tests.Mobility;

/// <summary>
/// Every order in which two hosts can act, stop and start again, and in which their messages can arrive, be lost, be late or arrive twice: a machine is
/// never two hosts' and never nobody's for good. The rules are those that the hosts follow.
/// </summary>
[Requirement("LM-4")]
public sealed class OwnershipTests
{
    private static readonly Guid s_move = Guid.Parse("00000000-0000-0000-0000-00000000000a");

    [Fact]
    public void A_machine_is_one_hosts_at_every_instant()
    {
        var start = new World();
        var reached = new Dictionary<World, List<World>> { [start] = [] };
        var waiting = new Queue<World>([start]);
        while (waiting.TryDequeue(out var world))
        {
            Assert.False(world.IsSources && world.IsDestinations, $"both have it: {world}");
            foreach (var next in world.Next())
            {
                if (!reached.TryGetValue(next, out var from))
                {
                    reached[next] = from = [];
                    waiting.Enqueue(next);
                }

                from.Add(world);
            }
        }

        // Whatever has happened, when faults end it ends well: backwards from the good ends everything is reached.
        var good = new HashSet<World>(reached.Keys.Where(world => world.IsSettled));
        Assert.Contains(good, world => world.IsSources);
        Assert.Contains(good, world => world.IsDestinations);
        var back = new Queue<World>(good);
        while (back.TryDequeue(out var world))
        {
            foreach (var from in reached[world].Where(good.Add))
            {
                back.Enqueue(from);
            }
        }

        Assert.Equal(reached.Count, good.Count);
        Assert.True(reached.Count > 1_000, $"only {reached.Count} worlds were looked at");
    }

    [Fact]
    public void A_request_that_is_late_takes_nothing()
    {
        var first = Arrival.Prepare(s_move, Guid.NewGuid());
        var (afterwards, taken) = Arrival.Resolve(first, s_move);
        Assert.Null(afterwards);
        Assert.False(taken);
        Assert.Equal((null, false), Arrival.Take(afterwards, s_move, first.Id));
        var second = Arrival.Prepare(s_move, Guid.NewGuid());
        Assert.Equal((second, false), Arrival.Take(second, s_move, first.Id));
    }

    /// <summary>Two hosts and what is on its way between them. What the hosts forget when they stop is not in it.</summary>
    private sealed record World
    {
        private const int MostFaults = 3;
        private const int MostMessages = 4;

        public Departure? Source { get; init; }

        public Arrival? Destination { get; init; }

        /// <summary>The destination has the machine registered; nothing takes that back.</summary>
        public bool IsRegistered { get; init; }

        /// <summary>The source has removed it.</summary>
        public bool IsRemoved { get; init; }

        /// <summary>The source is within an attempt: false before it, after it, and after it stopped.</summary>
        public bool IsTrying { get; init; }

        public bool HasTried { get; init; }

        public int Prepared { get; init; }

        public int Faults { get; init; }

        public string Messages { get; init; } = "";

        public bool IsSources => !IsRemoved && Departure.IsOwner(Source);

        public bool IsDestinations => IsRegistered;

        public bool IsSettled => Source is null && !IsTrying && HasTried && Destination is null && (IsSources ^ IsDestinations);

        public IEnumerable<World> Next() => Steps().Concat(Deliveries()).Concat(Broken()).Where(static world => world.Messages.Length <= MostMessages);

        // What the source does by itself.
        private IEnumerable<World> Steps()
        {
            if (Source is null && !HasTried)
            {
                yield return Send('P') with { Source = Departure.Begin(s_move), IsTrying = true, HasTried = true };
            }

            // It gives up an attempt that it waits for no longer, and says so or not.
            if (Source is { Phase: DeparturePhase.Preparing })
            {
                var given = this with { Source = Departure.Restarted(Source), IsTrying = false };
                yield return given;
                yield return given.Send('R');
            }

            // Without an answer it asks, again and again.
            if (Source is { Phase: DeparturePhase.InDoubt } && !Messages.Contains('R', StringComparison.Ordinal))
            {
                yield return Send('R');
            }

            if (Source is { Phase: DeparturePhase.Released })
            {
                yield return IsRemoved ? Messages.Contains('C', StringComparison.Ordinal) ? this : Send('C') : this with { IsRemoved = true };
            }

            // The destination hears nothing for long.
            if (Destination is { IsTaken: false })
            {
                yield return this with { Destination = Arrival.GivenUp(Destination) };
            }
        }

        private IEnumerable<World> Deliveries() => Messages.Distinct().Select(message => (this with { Messages = Without(message) }).Deliver(message));

        // Each fault counts, so that there is an end to them.
        private IEnumerable<World> Broken()
        {
            if (Faults == MostFaults)
            {
                yield break;
            }

            var faulty = this with { Faults = Faults + 1 };
            foreach (var message in Messages.Distinct())
            {
                yield return faulty with { Messages = Without(message) };
                yield return faulty.Send(message);
            }

            yield return faulty with { Source = Departure.Restarted(Source), IsTrying = false };

            // The registration is the moment: a host that stops after it finds the machine to be its own.
            yield return faulty with { Destination = Arrival.GivenUp(Destination) };
        }

        private World Deliver(char message)
        {
            switch (message)
            {
                case 'P':
                    return Destination is not null ? this
                        : this with { Destination = Arrival.Prepare(s_move, IdOf(Prepared + 1)), Prepared = Prepared + 1, Messages = Sorted(Messages + (char)('1' + Prepared)) };

                // It is ready, under the name with this number.
                case >= '1' and <= '9':
                    return Source is { Phase: DeparturePhase.Preparing } && IsTrying
                        ? this with { Source = Source.Ask(IdOf(message - '0')), Messages = Sorted(Messages + (char)('a' + (message - '1'))) } : this;

                // Take what is ready under the name.
                case >= 'a' and <= 'i':
                    var (after, taken) = Arrival.Take(Destination, s_move, IdOf(message - 'a' + 1));
                    return (this with { Destination = after, IsRegistered = IsRegistered || taken }).Send(taken ? 'Y' : 'N');
                case 'R':
                    var (resolved, was) = Arrival.Resolve(Destination, s_move);
                    return (this with { Destination = resolved }).Send(was ? 'Y' : 'N');
                case 'Y' or 'N':
                    return Source is { Phase: DeparturePhase.InDoubt } ? this with { Source = Source.Answered(message == 'Y'), IsTrying = false } : this;
                case 'C':
                    var confirmed = Arrival.Confirm(Destination, s_move);
                    return confirmed is null ? this with { Destination = null, Source = null } : this;
                default:
                    throw new InvalidOperationException($"No message '{message}'.");
            }
        }

        private World Send(char message) => this with { Messages = Sorted(Messages + message) };

        private string Without(char message) => Messages.Remove(Messages.IndexOf(message, StringComparison.Ordinal), 1);

        private static string Sorted(string messages) => string.Concat(messages.Order());

        private static Guid IdOf(int number) => new(number, 0, 0, new byte[8]);
    }
}
