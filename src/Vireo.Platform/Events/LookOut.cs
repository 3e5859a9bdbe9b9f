namespace Vireo.Platform.Events;

/// <summary>
/// Whether somebody who waits for a peer's next request looks out for it for a moment, or goes to sleep at once. Where the peer has a processor of its own,
/// looking saves the time that waking takes. Where both share one, the peer cannot even send while we look; and who uses up the processor so is held up when
/// others want it. Nobody tells which it is and it changes, so both are tried in turns, and looking goes on while waits are shorter with it by a fifth.
/// </summary>
/// <remarks>
/// Long waits are not looked for: a peer that pauses, or has left, costs a few looks. For one thread; times are ticks of a clock that the caller reads.
/// </remarks>
/// <param name="limitTicks">A wait is looked for no longer than this; zero never looks.</param>
public sealed class LookOut(long limitTicks)
{
    /// <summary>Waits that are compared with as many of the other kind.</summary>
    public const int SampleWaits = 32;

    /// <summary>So many samples are looked for before sleeping is tried again.</summary>
    public const int LookingSamples = 64;

    /// <summary>So many samples are slept after looking did not pay; twice as many each time, until it paid for <see cref="LookingSamples"/>.</summary>
    public const int FirstPauseSamples = 8;

    /// <summary>No more than this.</summary>
    public const int LongestPauseSamples = 1024;

    private const int FailuresOfSample = SampleWaits / 4;
    private readonly long _longTicks = 2 * limitTicks;
    private Phase _phase = Phase.Sleep;
    private long _begun;
    private long _looked;
    private bool _hasGivenUp;
    private int _waits;
    private int _failures;
    private long _sumTicks;
    private long _lookingTicks;
    private long _sleepingTicks;
    private int _samplesLeft;
    private int _pauseSamples = FirstPauseSamples;

    private enum Phase
    {
        Sleep,
        TryLooking,
        Look,
        TrySleeping,
    }

    /// <summary>A wait has begun and not ended.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>There is nothing to do from now on.</summary>
    public void Begin(long now)
    {
        IsWaiting = true;
        _begun = _looked = now;
        _hasGivenUp = _phase is Phase.Sleep or Phase.TrySleeping || limitTicks == 0;
    }

    /// <summary>Still nothing: whether to look again soon. Once it is no, the caller sleeps until there is something.</summary>
    public bool MayLook(long now)
    {
        if (!_hasGivenUp)
        {
            NoteHoldUp(now);
            _hasGivenUp = now - _begun >= limitTicks;
        }

        return !_hasGivenUp;
    }

    /// <summary>There is something to do.</summary>
    public void End(long now)
    {
        IsWaiting = false;
        if (limitTicks == 0)
        {
            return;
        }

        var isLooking = _phase is Phase.Look or Phase.TryLooking;
        if (!_hasGivenUp)
        {
            NoteHoldUp(now);
        }

        var ticks = now - _begun;
        _sumTicks += Math.Min(ticks, _longTicks);
        _failures += (isLooking && _hasGivenUp) || ticks > _longTicks ? 1 : 0;
        if (++_waits == SampleWaits || (_phase == Phase.TryLooking && _failures > FailuresOfSample / 2))
        {
            Judge();
            (_waits, _failures, _sumTicks) = (0, 0, 0);
        }
    }

    // Between two looks somebody else had the processor. That counts in full, while a wait that is long because the peer pauses does not.
    private void NoteHoldUp(long now)
    {
        if (now - _looked > limitTicks)
        {
            _sumTicks += now - _looked;
        }

        _looked = now;
    }

    private void Judge()
    {
        switch (_phase)
        {
            case Phase.Sleep when _failures > FailuresOfSample:
                // Waits that are long anyway: looking cannot help.
                break;
            case Phase.Sleep:
                _sleepingTicks = _sumTicks;
                if (--_samplesLeft < 0)
                {
                    _phase = Phase.TryLooking;
                }

                break;
            case Phase.TrySleeping:
                _sleepingTicks = _sumTicks;
                if (IsLookingBetter)
                {
                    Look();
                }
                else
                {
                    Sleep();
                }

                break;
            default:
                _lookingTicks = _sumTicks;
                if (_failures > FailuresOfSample / 2 || !IsLookingBetter)
                {
                    Sleep();
                }
                else if (_phase == Phase.TryLooking)
                {
                    Look();
                }
                else if (--_samplesLeft < 0)
                {
                    _phase = Phase.TrySleeping;
                    _pauseSamples = FirstPauseSamples;
                }

                break;
        }
    }

    private bool IsLookingBetter => _lookingTicks * 5 < _sleepingTicks * 4;

    private void Look()
    {
        _phase = Phase.Look;
        _samplesLeft = LookingSamples;
    }

    private void Sleep()
    {
        _phase = Phase.Sleep;
        _samplesLeft = _pauseSamples;
        _pauseSamples = Math.Min(2 * _pauseSamples, LongestPauseSamples);
    }
}
