using Vireo.Platform.Events;
using Vireo.Vhost.Memory;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost.Sessions;

/// <summary>
/// What a front end has said about one queue, and the queue itself while it is started: sized, addressed, with a kick, and enabled
/// (vhost-user "Ring states").
/// </summary>
internal sealed class SessionQueue(int index, ReactorSeat reactor, IVhostUserDevice device, IVirtQueueOwner owner) : ReactorTask, IReactorHandler
{
    private Registration? _kickRegistration;
    private EventDescriptor? _kick;
    private EventDescriptor? _call;
    private EventDescriptor? _error;
    private bool _isPaused;
    private bool _isStopping;

    public int Index => index;

    public int Size { get; set; }

    public VringAddress? Address { get; set; }

    public ushort Base { get; set; }

    /// <summary>The front end lets it be processed.</summary>
    public bool IsEnabled { get; private set; }

    /// <summary>A kick was given, or polling was asked for.</summary>
    public bool HasKick { get; private set; }

    /// <summary>The queue while it is started, else null.</summary>
    public VirtQueue? Queue { get; private set; }

    public bool IsIdle => Queue is null || Queue.InFlight == 0;

    /// <summary>Says by eventfd that the queue is broken.</summary>
    public void SignalError() => _error?.Signal();

    public void SetKick(EventDescriptor? kick)
    {
        DropKick();
        _kick = kick;
        HasKick = true;
        if (kick is not null)
        {
            // Edge-triggered: every kick is an event, and nobody needs to read the counter.
            _kickRegistration = reactor.Register(kick.Descriptor, PollEvents.Readable | PollEvents.EdgeTriggered, this);
        }

        Wake();
    }

    public void SetCall(EventDescriptor? call)
    {
        _call?.Dispose();
        _call = call;
        Queue?.SetCall(call);
    }

    public void SetError(EventDescriptor? error)
    {
        _error?.Dispose();
        _error = error;
    }

    public void SetEnabled(bool enabled)
    {
        IsEnabled = enabled;
        Apply();
    }

    /// <summary>Starts, at <paramref name="setup"/>.</summary>
    public void Start(in QueueSetup setup, DirtyLog? log)
    {
        Queue = new VirtQueue(index, owner);
        Queue.SetLog(log);
        Queue.Start(setup);
        Queue.SetCall(_call);
        device.QueueStarted(Queue);
        Apply();
    }

    /// <summary>Takes no buffers while the session changes something; what is in flight completes.</summary>
    public void Pause()
    {
        _isPaused = true;
        Apply();
        if (Queue is not null && !_isStopping)
        {
            device.QueuePaused(Queue);
        }
    }

    public void Unpause()
    {
        _isPaused = false;
        Apply();
    }

    /// <summary>Begins to stop: the device finishes what is in flight.</summary>
    public void BeginStop()
    {
        if (Queue is not null && !_isStopping)
        {
            _isStopping = true;
            Pause();
            device.QueueStopping(Queue);
        }
    }

    /// <summary>Ends the stop, once nothing is in flight. The next start goes on where this one ended.</summary>
    public void EndStop()
    {
        if (Queue is { } queue)
        {
            queue.Publish();
            queue.Notify();
            Base = queue.NextAvailable;
            queue.End();
            device.QueueStopped(queue);
            Queue = null;
        }

        _isPaused = false;
        _isStopping = false;
        HasKick = false;
        DropKick();
        reactor.Deactivate(this);
    }

    /// <summary>Has the queue looked at soon.</summary>
    public void Wake()
    {
        if (Queue is { IsRunning: true })
        {
            reactor.Activate(this);
        }
    }

    public void OnEvents(PollEvents events)
    {
        if (Queue is { WantsKicks: true })
        {
            Wake();
        }
    }

    public void Release()
    {
        DropKick();
        _call?.Dispose();
        _error?.Dispose();
        _call = null;
        _error = null;
        reactor.Deactivate(this);
    }

    protected override bool Poll()
    {
        if (Queue is not { IsRunning: true } queue)
        {
            return false;
        }

        // A queue that wants no kicks at all comes here when it starts, and says so once and for all.
        queue.SuppressKicks();
        return device.Service(queue);
    }

    protected override bool TrySleep()
    {
        if (Queue is not { IsRunning: true, WantsKicks: true } queue)
        {
            return true;
        }

        // Without an eventfd the front end wants the queue polled for ever.
        return _kick is not null && !queue.RequestKicks();
    }

    private void Apply()
    {
        if (Queue is null)
        {
            return;
        }

        if (IsEnabled && !_isPaused)
        {
            Queue.Resume();
            Wake();
        }
        else
        {
            Queue.Stop();
        }
    }

    private void DropKick()
    {
        if (_kickRegistration is { } registration)
        {
            reactor.Unregister(registration);
            _kickRegistration = null;
        }

        _kick?.Dispose();
        _kick = null;
    }
}
