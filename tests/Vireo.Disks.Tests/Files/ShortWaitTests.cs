using System.Diagnostics;
using Vireo.Disks.Files;

namespace Vireo.Disks.Tests.Files;

/// <summary>When a reactor does a write itself that may wait.</summary>
public sealed class ShortWaitTests
{
    private static readonly long s_second = Stopwatch.Frequency;

    [Fact]
    public void APartOfEachTurnIsUsed()
    {
        var wait = new ShortWait();
        Assert.True(wait.MayTry(1, 0));
        Assert.True(wait.MayTry(1, ShortWait.TurnTicks - 1));
        Assert.False(wait.MayTry(1, ShortWait.TurnTicks));
        Assert.True(wait.MayTry(2, ShortWait.TurnTicks));
    }

    [Fact]
    public void AfterAWaitThereIsAPause_ManyTimesAsLong_HoweverOftenItHappens()
    {
        var wait = new ShortWait();
        long now = 0;
        var turn = 0;
        foreach (var (took, pause) in new[]
        {
            (ShortWait.WaitTicks + 1, (ShortWait.WaitTicks + 1) * ShortWait.PauseFactor),
            (s_second / 10, s_second / 10 * ShortWait.PauseFactor),
            (ShortWait.WaitTicks + 1, (ShortWait.WaitTicks + 1) * ShortWait.PauseFactor),
            (10 * s_second, ShortWait.LongestPauseTicks),
        })
        {
            Assert.True(wait.MayTry(++turn, now));
            wait.Took(now, now += took);
            Assert.False(wait.MayTry(++turn, now + pause - 1));
            now += pause;
        }

        Assert.True(wait.MayTry(++turn, now));
    }

    [Fact]
    public void OneThatLosesItsProcessorIsNoWait_TwoThatAreSlowAre()
    {
        var wait = new ShortWait();
        long now = 0;
        for (var i = 1; i < 9; i++)
        {
            Assert.True(wait.MayTry(i, now));
            wait.Took(now, now += i % 2 == 0 ? ShortWait.SlowTicks + 1 : 1);
        }

        wait.Took(now, now += ShortWait.SlowTicks + 1);
        Assert.False(wait.MayTry(9, now));
        Assert.False(wait.MayTry(10, now + (2 * ShortWait.SlowTicks * ShortWait.PauseFactor)));
        Assert.True(wait.MayTry(11, now + (2 * (ShortWait.SlowTicks + 1) * ShortWait.PauseFactor)));
    }
}
