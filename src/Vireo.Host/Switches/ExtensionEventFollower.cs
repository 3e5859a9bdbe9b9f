using Vireo.Control;
using Vireo.Control.Switching;
using Vireo.Host.History;

namespace Vireo.Host.Switches;

/// <summary>Writes what happens to extensions of switches into the events of the host, as it happens.</summary>
/// <param name="plane">The switch plane, asked without patience: where it is away the next question comes soon.</param>
/// <param name="events">The events of the host.</param>
/// <param name="time">The clock.</param>
internal sealed class ExtensionEventFollower(ISwitchControl plane, EventLog events, TimeProvider time)
{
    private const string KindPrefix = "Extension";
    private const int EventsToLookThrough = 1_000;
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>Follows them until the host ends.</summary>
    public async Task FollowAsync(CancellationToken stopping)
    {
        // The plane remembers events that were written already, by a former process of the host or before it was out of reach: those that are not
        // newer than the last one. From then on their numbers tell, whatever becomes of the clock.
        var last = events.Last(EventsToLookThrough).Where(one => one.Kind.StartsWith(KindPrefix, StringComparison.Ordinal)).Select(one => one.Time).DefaultIfEmpty(DateTimeOffset.MinValue).Max();
        long sequence = 0;
        var anew = true;
        try
        {
            while (true)
            {
                try
                {
                    foreach (var happened in await plane.ListExtensionEventsAsync(sequence, stopping))
                    {
                        sequence = happened.Sequence;
                        if (!anew || happened.Time > last)
                        {
                            last = happened.Time;
                            events.Write(happened.Kind, happened.Message, happened.SwitchId ?? happened.ExtensionId);
                        }
                    }

                    anew = false;
                }
                catch (ControlException)
                {
                    // The plane is away, which others report; a new process counts from one again.
                    sequence = 0;
                    anew = true;
                    await Task.Delay(s_pause, time, stopping);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The host ends.
        }
    }
}
