namespace Vireo.Host.Mobility.Ownership;

/// <summary>What the host that a machine comes to keeps durably. Null stands for an attempt that it knows nothing of, or nothing any more.</summary>
/// <param name="Move">Of the attempt.</param>
/// <param name="Id">This host's own name for it, new each time something is prepared: a request that was late does not fit what was prepared after it.</param>
/// <param name="IsTaken">The machine is this host's.</param>
internal sealed record Arrival(Guid Move, Guid Id, bool IsTaken)
{
    /// <summary>Something is made ready.</summary>
    public static Arrival Prepare(Guid move, Guid id) => new(move, id, IsTaken: false);

    /// <summary>The other host asks to take the machine. The first answer of true is the one moment in which it changes hands.</summary>
    public static (Arrival? After, bool Taken) Take(Arrival? arrival, Guid move, Guid id) => arrival is not null && arrival.Move == move && arrival.Id == id
        ? (arrival with { IsTaken = true }, true) : (arrival, false);

    /// <summary>The other host asks whether the machine was taken. If not, it never will be: what was prepared is given up.</summary>
    public static (Arrival? After, bool Taken) Resolve(Arrival? arrival, Guid move) => arrival is not null && arrival.Move == move
        ? (GivenUp(arrival), arrival.IsTaken) : (arrival, false);

    /// <summary>The other host knows that the machine was taken, and will not ask again.</summary>
    public static Arrival? Confirm(Arrival? arrival, Guid move) => arrival is { IsTaken: true } && arrival.Move == move ? null : arrival;

    /// <summary>The host has started again, has not heard of the other one for long, or could not get ready. What was taken stays.</summary>
    public static Arrival? GivenUp(Arrival? arrival) => arrival is { IsTaken: true } ? arrival : null;
}
