using Vireo.Disks;
using Vireo.Platform.Events;
using Vireo.Vhost.Queues;

namespace Vireo.Storage.FrontEnds.VhostUserBlock;

/// <summary>
/// Requests that failed because the storage below is full or broken. They are tried again every second until they do not fail: the guest waits, as for a
/// slow disk, and nothing is lost. Only on the reactor.
/// </summary>
/// <remarks>
/// A flush is never held: after one that failed, the kernel may have forgotten what it could not write, and the next one would succeed for nothing.
/// </remarks>
/// <param name="reactor">Where the requests live.</param>
/// <param name="stalled">Told why the guest waits when it begins to, and null when it does no more.</param>
internal sealed class HeldRequests(Reactor reactor, Action<BlockStatus?> stalled) : IReactorHandler
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);

    private readonly List<BlockRequest> _held = [];
    private TimerDescriptor? _timer;
    private Registration _registration;
    private int _waiting;

    /// <summary>Keeps a request that failed.</summary>
    /// <returns>False when it cannot be tried again.</returns>
    public bool TryHold(BlockRequest request, BlockStatus why)
    {
        if (_timer is null && !TryBegin())
        {
            return false;
        }

        if (!request.WasHeld)
        {
            request.WasHeld = true;
            if (_waiting++ == 0)
            {
                stalled(why);
            }
        }

        _held.Add(request);
        return true;
    }

    /// <summary>A request that was held is done, or left to somebody else.</summary>
    public void Forget(BlockRequest request)
    {
        request.WasHeld = false;
        if (--_waiting == 0)
        {
            stalled(null);
            StopTrying();
        }
    }

    /// <summary>Takes out what is held of a queue.</summary>
    public IReadOnlyList<BlockRequest> Take(VirtQueue queue)
    {
        BlockRequest[] taken = [.. _held.Where(request => request.Queue == queue)];
        _held.RemoveAll(request => request.Queue == queue);
        return taken;
    }

    /// <inheritdoc/>
    public void OnEvents(PollEvents events)
    {
        _timer?.Drain();
        BlockRequest[] again = [.. _held];
        _held.Clear();
        foreach (var request in again)
        {
            request.TryAgain();
        }
    }

    private bool TryBegin()
    {
        try
        {
            _timer = TimerDescriptor.Create();
        }
        catch (IOException)
        {
            // The process has no descriptor left.
            return false;
        }

        _timer.Set(s_period, s_period);
        _registration = reactor.Register(_timer.Descriptor, PollEvents.Readable, this);
        return true;
    }

    private void StopTrying()
    {
        if (_timer is { } timer)
        {
            reactor.Unregister(_registration);
            timer.Dispose();
            _timer = null;
        }
    }
}
