namespace Vireo.Platform.Events;

/// <summary>
/// Work that a reactor polls while there is some and that sleeps otherwise. A task is asleep until <see cref="Reactor.Activate"/>
/// (from an event on its descriptor); then <see cref="Poll"/> is called again and again until it finds nothing for a while.
/// </summary>
public abstract class ReactorTask
{
    internal bool IsActive { get; set; }

    /// <summary>The seat that it moves with, or null.</summary>
    internal ReactorSeat? Seat { get; set; }

    /// <summary>In the reactor's list; a task that was put to sleep leaves the list a little later.</summary>
    internal bool IsListed { get; set; }

    /// <summary>When the task last had something to do, in ticks of the high-resolution clock; zero while it is busy.</summary>
    internal long IdleSince { get; set; }

    /// <summary>How long the task is polled for nothing before it sleeps, in the same ticks; adapts to what polling brings.</summary>
    internal long SpinTicks { get; set; }

    /// <summary>Does a bounded piece of work, so that other tasks get their turn.</summary>
    /// <returns>Whether there was any.</returns>
    protected internal abstract bool Poll();

    /// <summary>Asks to be woken when work arrives, and then looks once more.</summary>
    /// <returns>True to sleep; false when work arrived meanwhile.</returns>
    protected internal abstract bool TrySleep();
}
