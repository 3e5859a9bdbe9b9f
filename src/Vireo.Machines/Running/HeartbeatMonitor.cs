using Vireo.Machines.GuestAgents;
using Vireo.Machines.States;

namespace Vireo.Machines.Running;

/// <summary>
/// Asks the guest's agent for a sign of life, often after something changed, more and more seldom while there is no answer: an idle guest costs little. An agent
/// that was never heard is not asked while it is known to have its end of the channel closed.
/// </summary>
/// <param name="agent">The agent.</param>
/// <param name="time">Clock.</param>
/// <param name="isAsking">Whether there is somebody to ask: the guest runs and the service is on.</param>
/// <param name="onChange">Gets each new status.</param>
internal sealed class HeartbeatMonitor(GuestAgentClient agent, TimeProvider time, Func<bool> isAsking, Action<HeartbeatStatus> onChange)
{
    private static readonly TimeSpan s_firstInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_longestInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    // One late answer of a busy guest is not a loss.
    private const int MissesUntilLost = 2;

    private readonly Lock _judging = new();
    private TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _contact;
    private volatile bool _closed;
    private int _misses;
    private int _life;

    /// <summary>The agent answered when it was asked last.</summary>
    public bool HasContact => _contact && _misses < MissesUntilLost;

    /// <summary>The guest started anew: nothing is known, and an answer that is on its way is the old guest's.</summary>
    public void Forget()
    {
        lock (_judging)
        {
            _life++;
            _contact = false;
            _misses = 0;
        }

        agent.Disconnect();
    }

    /// <summary>What QEMU says of the guest's end of the channel.</summary>
    /// <param name="isOpen">Whether the guest has it open; null when that is not known.</param>
    public void SetChannel(bool? isOpen)
    {
        _closed = isOpen == false;
        Wake();
    }

    /// <summary>Something changed: ask now.</summary>
    public void Wake() => Volatile.Read(ref _woken).TrySetResult();

    /// <summary>Runs until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var retry = s_firstInterval;
        try
        {
            while (true)
            {
                // Before looking: who wakes it after that has something that was not seen.
                var woken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                Volatile.Write(ref _woken, woken);
                var pause = s_longestInterval;
                if (isAsking() && (!_closed || _contact))
                {
                    await AskAsync(cancellationToken).ConfigureAwait(false);
                    var answers = _contact && _misses == 0;
                    pause = answers ? s_interval : retry;
                    retry = answers ? s_firstInterval : TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, s_longestInterval.Ticks));
                }

                await woken.Task.WaitAsync(pause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (woken.Task.IsCompleted)
                {
                    retry = s_firstInterval;
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException)
        {
            // The machine ended or was let go.
        }
    }

    private async Task AskAsync(CancellationToken cancellationToken)
    {
        var life = Volatile.Read(ref _life);
        var answered = await agent.PingAsync(s_patience, cancellationToken).ConfigureAwait(false);
        lock (_judging)
        {
            if (life != _life)
            {
                return;
            }

            if (answered)
            {
                _contact = true;
                _misses = 0;
                onChange(HeartbeatStatus.OkApplicationsUnknown);
            }
            else if (_contact && ++_misses >= MissesUntilLost)
            {
                onChange(HeartbeatStatus.LostCommunication);
            }
        }
    }
}
