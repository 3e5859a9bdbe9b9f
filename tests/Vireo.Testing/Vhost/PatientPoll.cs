using System.Diagnostics;
using Vireo.Platform.Events;

namespace Vireo.Testing.Vhost;

/// <summary>Waiting as long as a test means to: a signal, of a child that has ended for instance, interrupts a wait of the kernel.</summary>
internal static class PatientPoll
{
    /// <summary>Waits until something happens, or really for <paramref name="milliseconds"/>.</summary>
    /// <returns>How many events there are; zero when the time is over.</returns>
    public static int WaitWhole(this EventPoll poll, int milliseconds)
    {
        var begin = Stopwatch.GetTimestamp();
        for (var left = milliseconds; ;)
        {
            var count = poll.Wait(left);
            left = milliseconds - (int)Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            if (count > 0 || left <= 0)
            {
                return count;
            }
        }
    }
}
