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
    public void AfterAWaitThereIsAPause_ThatDoubles_AndIsForgivenInTheEnd()
    {
        var wait = new ShortWait();
        long now = 0;
        var turn = 0;
        foreach (var pause in new[] { s_second / 2, s_second, 2 * s_second })
        {
            WaitAndExpect(pause);
        }

        now += 65 * s_second;
        WaitAndExpect(s_second / 2);

        void WaitAndExpect(long pause)
        {
            Assert.True(wait.MayTry(++turn, now));
            wait.Took(now, now += ShortWait.WaitTicks + 1);
            Assert.False(wait.MayTry(++turn, now + pause - 1));
            now += pause;
        }
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
    }
}
