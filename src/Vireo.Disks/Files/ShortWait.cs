using System.Diagnostics;

namespace Vireo.Disks.Files;

/// <summary>
/// Whether a reactor does a short write itself, on a file system that cannot say beforehand that it would wait (ext4, when it writes to the page
/// cache). Such a write nearly always ends in microseconds, in less time than it takes to hand it to a worker of the kernel and back; now and then
/// it waits for the disk, and everybody on the reactor with it. So it is done for a part of each turn only, and after one that waited there is a
/// pause of many times as long: however often that happens, the reactor stands still for a small part of the time.
/// </summary>
/// <remarks>Used by several reactors at once, which may at worst do one more or less.</remarks>
public sealed class ShortWait
{
    /// <summary>What takes longer has waited for the disk; a thread that lost its processor is back before.</summary>
    public static readonly long WaitTicks = Stopwatch.Frequency / 200;

    /// <summary>So has what takes longer than this twice in a row.</summary>
    public static readonly long SlowTicks = Stopwatch.Frequency / 2000;

    /// <summary>So much of a turn at most.</summary>
    public static readonly long TurnTicks = Stopwatch.Frequency / 4000;

    /// <summary>The pause after a wait, in times of it.</summary>
    public const int PauseFactor = 40;

    /// <summary>No pause is longer.</summary>
    public static readonly long LongestPauseTicks = 64 * Stopwatch.Frequency;

    private long _notBefore = long.MinValue;
    private long _turnBegan;
    private int _turn;
    private long _slowTicks;

    /// <summary>Whether a write that comes now is done at once.</summary>
    /// <param name="turn">Another one in each turn of the reactor.</param>
    /// <param name="now">A time stamp.</param>
    public bool MayTry(int turn, long now)
    {
        if (now < Volatile.Read(ref _notBefore))
        {
            return false;
        }

        if (turn != _turn)
        {
            (_turn, _turnBegan) = (turn, now);
        }

        return now - _turnBegan < TurnTicks;
    }

    /// <summary>How long one took that was done at once.</summary>
    public void Took(long begunAt, long now)
    {
        var took = now - begunAt;
        var slow = took > SlowTicks ? took : 0;
        if (took > WaitTicks || (slow > 0 && _slowTicks > 0))
        {
            Volatile.Write(ref _notBefore, now + Math.Min((took + _slowTicks) * PauseFactor, LongestPauseTicks));
            slow = 0;
        }

        _slowTicks = slow;
    }
}
