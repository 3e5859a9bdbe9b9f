using Vireo.Platform.Events;

namespace Vireo.Platform.Tests.Events;

public sealed class LookOutTests
{
    private const long Limit = 50;
    private const int Waits = 100_000;
    private readonly LookOut _lookOut = new(Limit);
    private long _now;
    private long _looked;
    private long _sliceTicks = long.MaxValue;

    [Fact]
    public void PeerWithAProcessorOfItsOwn_IsLookedFor()
    {
        // Being woken takes longer than what the peer needs to ask again.
        var looks = Enumerable.Range(0, Waits).Count(_ => Wait(lookingTicks: 20, sleepingTicks: 40));
        Assert.InRange(looks, Waits * 9 / 10, Waits);
    }

    [Fact]
    public void PeerThatSharesTheProcessor_IsHardlyHeldUp()
    {
        // It asks only once we sleep.
        for (var i = 0; i < Waits; i++)
        {
            Wait(lookingTicks: long.MaxValue, sleepingTicks: 10);
        }

        Assert.InRange(_looked, 1, _now / 100);
    }

    [Fact]
    public void PeerWhoIsWokenQuickly_IsSleptFor()
    {
        // Looking gains less than a fifth, which is not worth a processor.
        var looks = Enumerable.Range(0, Waits).Count(_ => Wait(lookingTicks: 19, sleepingTicks: 20));
        Assert.InRange(looks, 1, Waits / 50);
    }

    [Fact]
    public void PeerWithLongPauses_IsNeverLookedFor()
    {
        Assert.DoesNotContain(true, Enumerable.Range(0, Waits).Select(_ => Wait(lookingTicks: 1000, sleepingTicks: 1020)));
        Assert.Equal(0, _looked);
    }

    [Fact]
    public void PeerWhoBecomesIdle_IsLookedForAFewTimesOnly()
    {
        for (var i = 0; i < Waits; i++)
        {
            Wait(lookingTicks: 20, sleepingTicks: 40);
        }

        _looked = 0;
        for (var i = 0; i < Waits; i++)
        {
            Wait(lookingTicks: 100_000, sleepingTicks: 100_020);
        }

        Assert.InRange(_looked, 0, (LookOut.SampleWaits + 1) * Limit * 2);
    }

    [Fact]
    public void ProcessorThatOthersWant_IsLeftToThem()
    {
        // Whoever runs all the time loses the processor for as long as it had it; who sleeps now and then does not.
        _sliceTicks = 3000;
        var looks = Enumerable.Range(0, Waits).Count(_ => Wait(lookingTicks: 20, sleepingTicks: 40));
        Assert.InRange(looks, 1, Waits / 20);
    }

    [Fact]
    public void PeersThatMove_AreFollowed()
    {
        // Shares our processor, leaves it, comes back.
        var looks = new int[4];
        for (var part = 0; part < looks.Length; part++)
        {
            for (var i = 0; i < Waits; i++)
            {
                var isAway = part % 2 == 1;
                looks[part] += Wait(isAway ? 20 : long.MaxValue, isAway ? 40 : 10) ? 1 : 0;
            }
        }

        Assert.InRange(looks[1], Waits / 2, Waits);
        Assert.InRange(looks[3], Waits / 2, Waits);
        Assert.Equal(0, looks[0]);
        Assert.Equal(0, looks[2]);
    }

    [Fact]
    public void NoLimit_MeansNoLooking()
    {
        var none = new LookOut(0);
        for (var i = 0; i < 10_000; i++)
        {
            none.Begin(i * 100);
            Assert.False(none.MayLook(i * 100));
            none.End((i * 100) + 10);
        }
    }

    /// <summary>One wait that ends after so many ticks if it is looked for, or so many after we have gone to sleep.</summary>
    /// <returns>Whether looking found what came.</returns>
    private bool Wait(long lookingTicks, long sleepingTicks)
    {
        _lookOut.Begin(_now);
        var begun = _now;
        while (_lookOut.MayLook(_now))
        {
            _now++;
            if (++_looked % _sliceTicks == 0)
            {
                _now += _sliceTicks;
            }

            if (_now - begun >= lookingTicks)
            {
                _lookOut.End(_now);
                return true;
            }
        }

        _now += sleepingTicks;
        _lookOut.End(_now);
        return false;
    }
}
