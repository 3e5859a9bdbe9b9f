using System.Runtime.InteropServices;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Sockets;
using Vireo.Vhost.Protocol;
using Vireo.Vhost.Queues;

namespace Vireo.Vhost.Sessions;

/// <summary>
/// One connection of a front end: reads its messages, holds what it shared, and runs the queues. Everything happens on one reactor.
/// A message that needs quiet queues waits for the requests in flight, and the messages after it wait for it.
/// </summary>
/// <remarks>
/// This file has the socket and the life of the session; the messages are in the other parts. The session ends in two steps: at once
/// nothing is taken off the queues any more; when the last request in flight has completed the memory is unmapped.
/// </remarks>
internal sealed partial class VhostUserSession : ReactorWork, IReactorHandler, IVirtQueueOwner
{
    private const int MessagesPerTurn = 32;

    private readonly ReactorSeat _reactor;
    private readonly IVhostUserDevice _device;
    private readonly VhostUserBackendOptions _options;
    private readonly UnixConnection _connection;
    private readonly Action<string> _ended;
    private readonly SessionQueue[] _queues;
    private readonly List<Descriptor> _descriptors = [];
    private readonly byte[] _message = new byte[MessageHeader.LengthBytes + MessageHeader.PayloadBytesMax];
    private readonly Registration _registration;
    private int _received;
    private Action? _whenIdle;
    private bool _idleCheckPosted;
    private bool _isClosed;

    public VhostUserSession(
        ReactorSeat reactor, IVhostUserDevice device, VhostUserBackendOptions options, UnixConnection connection, Action<string> ended)
    {
        _reactor = reactor;
        _device = device;
        _options = options;
        _connection = connection;
        _ended = ended;
        _queues = new SessionQueue[device.QueueCount];
        for (var i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new SessionQueue(i, reactor, device, this);
        }

        _registration = reactor.Register(connection.Descriptor, PollEvents.Readable | PollEvents.PeerClosed, this);
    }

    /// <summary>Queues that their driver broke, since the session began.</summary>
    public int BrokenQueues { get; private set; }

    /// <summary>The front end has something to say, or is gone.</summary>
    public void OnEvents(PollEvents events)
    {
        if (_whenIdle is not null && (events & (PollEvents.HangUp | PollEvents.PeerClosed | PollEvents.Error)) != 0)
        {
            // What it waited for no longer matters.
            Close("the front end went away while its requests were being finished");
            return;
        }

        try
        {
            for (var i = 0; i < MessagesPerTurn && !_isClosed && _whenIdle is null && TryReceive(); i++)
            {
            }
        }
        catch (IOException failure)
        {
            // Out of descriptors or memory: this front end is turned away, the others are not to suffer.
            Close(failure.Message);
        }
    }

    /// <summary>Ends the session; <c>ended</c> is called when nothing is in flight any more.</summary>
    public void Close(string reason)
    {
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        _reactor.Unregister(_registration);
        _connection.Dispose();
        DropDescriptors();
        foreach (var queue in _queues)
        {
            queue.BeginStop();
        }

        _whenIdle = () =>
        {
            foreach (var queue in _queues)
            {
                queue.EndStop();
                queue.Release();
            }

            ReleaseMemory();
            _ended(reason);
        };
        PostIdleCheck();
    }

    /// <summary>Tells the front end, if it gave a channel for that, that the configuration space has changed.</summary>
    public void NotifyConfigChanged()
    {
        const uint configChange = 2; // VHOST_USER_SLAVE_CONFIG_CHANGE_MSG
        if (_requests is not null && !_isClosed)
        {
            Span<byte> bytes = stackalloc byte[MessageHeader.LengthBytes];
            var header = MessageHeader.Of(configChange, 0);
            MemoryMarshal.Write(bytes, in header);
            _ = _requests.Send(bytes, [], out _);
        }
    }

    void IVirtQueueOwner.QueueBroken(VirtQueue queue)
    {
        BrokenQueues++;
        Report(
            VhostUserEventKind.QueueBroken,
            $"Queue {queue.Index} of {_options.Name} was stopped because its driver broke the rules ({queue.Fault}); reset the device in the guest.");
        _queues[queue.Index].SignalError();
    }

    void IVirtQueueOwner.QueueDrained() => PostIdleCheck();

    void IVirtQueueOwner.Schedule(VirtQueue queue) => _queues[queue.Index].Wake();

    /// <summary>The posted check: goes on with what waited for quiet queues. Posted, because a queue drains in the middle of the device's code.</summary>
    protected override void Run()
    {
        _idleCheckPosted = false;
        if (_whenIdle is null || !Array.TrueForAll(_queues, queue => queue.IsIdle || !IsAwaited(queue)))
        {
            return;
        }

        var next = _whenIdle;
        _whenIdle = null;
        _awaited = null;
        next();
        if (!_isClosed && _whenIdle is null)
        {
            _reactor.Change(_registration, PollEvents.Readable | PollEvents.PeerClosed);
        }
    }

    /// <summary>Runs <paramref name="next"/> when nothing is in flight on <paramref name="queue"/>, or on any queue when null.</summary>
    private void WhenIdle(SessionQueue? queue, Action next)
    {
        Invariant.Check(_whenIdle is null);
        _awaited = queue;
        _whenIdle = next;

        // No message is read meanwhile, but a front end that goes away is noticed.
        _reactor.Change(_registration, PollEvents.PeerClosed);
        PostIdleCheck();
    }

    private bool IsAwaited(SessionQueue queue) => _awaited is null || _awaited == queue || _isClosed;

    private void PostIdleCheck()
    {
        if (_whenIdle is not null && !_idleCheckPosted)
        {
            _idleCheckPosted = true;
            _reactor.Post(this);
        }
    }

    /// <returns>Whether a message was handled and another may be there.</returns>
    private bool TryReceive()
    {
        if (_received < MessageHeader.LengthBytes && !TryFill(MessageHeader.LengthBytes, _descriptors))
        {
            return false;
        }

        var header = MemoryMarshal.Read<MessageHeader>(_message);
        if (!header.IsAcceptable)
        {
            Close($"it sent a message with flags 0x{header.Flags:x} and {header.PayloadBytes} bytes, which is not vhost-user version 1");
            return false;
        }

        // Descriptors come with the first byte of a message, so any that come later belong to none.
        var length = MessageHeader.LengthBytes + (int)header.PayloadBytes;
        if (_received < length && !TryFill(length, null))
        {
            return false;
        }

        _received = 0;
        Handle(header, _message.AsSpan(MessageHeader.LengthBytes, (int)header.PayloadBytes));
        DropDescriptors();
        return true;
    }

    private bool TryFill(int wanted, List<Descriptor>? descriptors)
    {
        while (_received < wanted)
        {
            switch (_connection.Receive(_message.AsSpan(_received, wanted - _received), descriptors, out var count))
            {
                case SocketStatus.Ok:
                    _received += count;
                    break;
                case SocketStatus.WouldBlock:
                    return false;
                case SocketStatus.Closed:
                    Close("the front end closed the connection");
                    return false;
                default:
                    Close("it sent descriptors where none are expected");
                    return false;
            }
        }

        return true;
    }

    private void Reply<T>(VhostUserRequest request, in T payload, ReadOnlySpan<Descriptor> descriptors = default)
        where T : unmanaged
    {
        Reply(request, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)), descriptors);
    }

    private void Reply(VhostUserRequest request, ReadOnlySpan<byte> payload, ReadOnlySpan<Descriptor> descriptors = default)
    {
        if (_isClosed)
        {
            return;
        }

        Span<byte> bytes = stackalloc byte[MessageHeader.LengthBytes + payload.Length];
        var header = MessageHeader.ReplyTo(request, payload.Length);
        MemoryMarshal.Write(bytes, in header);
        payload.CopyTo(bytes[MessageHeader.LengthBytes..]);

        // A front end reads each reply before it goes on, so a full socket means that it does not read at all.
        try
        {
            if (_connection.Send(bytes, descriptors, out var sent) != SocketStatus.Ok || sent != bytes.Length)
            {
                Close("it does not read the replies to its messages");
            }
        }
        catch (IOException failure)
        {
            Close(failure.Message);
        }
    }

    private void DropDescriptors()
    {
        foreach (var descriptor in _descriptors)
        {
            descriptor.Dispose();
        }

        _descriptors.Clear();
    }

    private void Report(VhostUserEventKind kind, string message) => _options.Observer?.Invoke(new VhostUserEvent(kind, message));
}
