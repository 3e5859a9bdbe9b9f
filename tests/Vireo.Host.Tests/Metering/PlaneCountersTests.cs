using Vireo.Control;
using Vireo.Host.Metering;
using Vireo.Testing;

namespace Vireo.Host.Tests.Metering;

/// <summary>Whoever waits for figures of a plane waits for a moment only: a machine that is turned off is among them.</summary>
public sealed class PlaneCountersTests
{
    [Fact]
    [Requirement("RM-1")]
    public async Task A_plane_that_hangs_counts_as_away() =>
        Assert.Null(await PlaneCounters.TryAskAsync(HangAsync, new ImpatientClock(), CancellationToken.None));

    [Fact]
    public async Task A_plane_that_refuses_counts_as_away() => Assert.Null(await PlaneCounters.TryAskAsync<string>(
        _ => throw new ControlException(new ControlError("OperationFailed", "NotSpecified", "No.", null)), TimeProvider.System, CancellationToken.None));

    [Fact]
    public async Task Who_gives_up_is_told_so()
    {
        using var gone = new CancellationTokenSource();
        var asking = PlaneCounters.TryAskAsync(HangAsync, TimeProvider.System, gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
    }

    [Fact]
    public async Task An_answer_is_an_answer() =>
        Assert.Equal("counted", await PlaneCounters.TryAskAsync(_ => Task.FromResult("counted"), TimeProvider.System, CancellationToken.None));

    private static async Task<string> HangAsync(CancellationToken cancellation)
    {
        await Task.Delay(Timeout.Infinite, cancellation);
        return "";
    }
}
