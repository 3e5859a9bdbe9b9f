namespace Vireo.Testing;

/// <summary>Waits for the thing itself, with a deadline that is far beyond what it takes; a test never sleeps.</summary>
public static class Wait
{
    // Much is there at once; what takes long is not asked for often.
    private const int ShortestPauseMilliseconds = 2;
    private const int LongestPauseMilliseconds = 50;

    /// <summary>Returns when <paramref name="condition"/> holds.</summary>
    /// <exception cref="TimeoutException">It did not within <paramref name="limit"/> (2 minutes unless told); names <paramref name="what"/>.</exception>
    public static Task UntilAsync(string what, Func<bool> condition, TimeSpan? limit = null, Func<string>? details = null) =>
        UntilAsync(what, () => Task.FromResult(condition()), limit, details);

    /// <inheritdoc cref="UntilAsync(string, Func{bool}, TimeSpan?, Func{string}?)"/>
    public static async Task UntilAsync(string what, Func<Task<bool>> condition, TimeSpan? limit = null, Func<string>? details = null)
    {
        var deadline = TimeProvider.System.GetTimestamp() + (long)((limit ?? TimeSpan.FromMinutes(2)).TotalSeconds * TimeProvider.System.TimestampFrequency);
        for (var pause = ShortestPauseMilliseconds; !await condition(); pause = Math.Min(2 * pause, LongestPauseMilliseconds))
        {
            if (TimeProvider.System.GetTimestamp() > deadline)
            {
                throw new TimeoutException($"Waited in vain for: {what}.{(details is null ? "" : $"\n{details()}")}");
            }

            await Task.Delay(pause);
        }
    }
}
