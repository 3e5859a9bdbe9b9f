namespace Vireo.Host.Mobility.Ownership;

/// <summary>How far a machine has gone from the host that has it.</summary>
internal enum DeparturePhase
{
    /// <summary>The other host gets ready; the machine is this host's.</summary>
    Preparing,

    /// <summary>The other host was asked, or is about to be, to take it: whose it is, only that host knows.</summary>
    InDoubt,

    /// <summary>The other host has it; what is left here is yet to go.</summary>
    Released,
}

/// <summary>What the host that a machine leaves keeps durably. Null stands for a machine that goes nowhere.</summary>
/// <param name="Move">Of this attempt; no other ever has it.</param>
/// <param name="Phase">How far it is.</param>
/// <param name="Arrival">What the other host calls its side of the attempt; known from <see cref="DeparturePhase.InDoubt"/> on.</param>
internal sealed record Departure(Guid Move, DeparturePhase Phase, Guid Arrival)
{
    /// <summary>Whether the machine may run here, change here, or be given up here.</summary>
    public static bool IsOwner(Departure? departure) => departure is null or { Phase: DeparturePhase.Preparing };

    /// <summary>An attempt begins.</summary>
    public static Departure Begin(Guid move) => new(move, DeparturePhase.Preparing, Guid.Empty);

    /// <summary>The other host is ready and will be asked to take the machine. Durable before it is asked.</summary>
    public Departure Ask(Guid arrival)
    {
        Platform.Invariant.Check(Phase == DeparturePhase.Preparing);
        return this with { Phase = DeparturePhase.InDoubt, Arrival = arrival };
    }

    /// <summary>The other host has said whether it took the machine. With false it never will: the machine is this host's again.</summary>
    public Departure? Answered(bool taken)
    {
        Platform.Invariant.Check(Phase == DeparturePhase.InDoubt);
        return taken ? this with { Phase = DeparturePhase.Released } : null;
    }

    /// <summary>The host has started again, or gives up. What was only prepared never happened; what is in doubt stays so until the other host was asked.</summary>
    public static Departure? Restarted(Departure? departure) => departure is { Phase: DeparturePhase.Preparing } ? null : departure;
}
