using System.Diagnostics;
using Vireo.Platform;
using Vireo.Platform.Events;
using Vireo.Platform.Sockets;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>
/// The transmission phase of one connection, on one reactor. A turn takes from the socket what is there, begins the requests in it, and sends
/// the replies that are ready, several with one call. Many requests are on their way at once and are answered in any order. NBD "Transmission".
/// </summary>
/// <remarks>
/// What a client can make us hold is bounded: beyond <see cref="OperationsMaximum"/> requests, or <see cref="HeldBytesMaximum"/> bytes of
/// replies that it does not fetch, nothing more is read from it. An idle connection holds no buffer. For a client that asks one thing at a time the
/// connection looks out for up to 50 us where that pays (<see cref="LookOut"/>).
/// </remarks>
internal sealed class NbdConnection : ReactorTask, IReactorHandler
{
    private const int OperationsMaximum = 128;
    private const int HeldBytesMaximum = 16 << 20;
    private const int RequestsPerTurn = 64;
    private const int RepliesPerSend = 16;
    private const int LooksForTheRest = 8;

    /// <summary>A client that asks more at once, or for long answers, is busy itself; its next request is not worth looking out for.</summary>
    private const int RequestsWorthLooking = 4;
    private const int BytesWorthLooking = 64 << 10;
    private const int SendRoomBytes = 1 << 20;
    private const PollEvents Listening = PollEvents.Readable | PollEvents.PeerClosed | PollEvents.EdgeTriggered;
    private static readonly long s_lookTicks = Environment.ProcessorCount > 1 ? Stopwatch.Frequency / 20_000 : 0;
    private readonly StreamSocket _socket;
    private readonly NbdInput _input;
    private readonly LookOut _lookOut = new(s_lookTicks);
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Registration _registration;
    private NbdOperation? _free;
    private long _heldBytes;
    private int _operations;
    private int _begunSinceWait;
    private bool _mayReceive = true;
    private bool _isPeerClosed;
    private bool _awaitsRoom;
    private bool _isEnding;

    /// <summary>A connection whose handshake is done; <see cref="StartAsync"/> begins. Owns the socket.</summary>
    public NbdConnection(Reactor reactor, NbdBufferPool buffers, StreamSocket socket, NbdExport export, NbdSession session)
    {
        Reactor = reactor;
        _socket = socket;
        _input = new NbdInput(socket, buffers);
        Export = export;
        Session = session;
        Replies = new NbdReplyQueue(socket, buffers, session.HasStructuredReplies);
        socket.WantSendRoom(SendRoomBytes);
    }

    /// <summary>The thread that everything here belongs to.</summary>
    public Reactor Reactor { get; }

    /// <summary>The disk.</summary>
    public NbdExport Export { get; }

    /// <summary>What the handshake settled.</summary>
    public NbdSession Session { get; }

    /// <summary>Answers on their way out.</summary>
    public NbdReplyQueue Replies { get; }

    /// <summary>The socket is closed; answers go nowhere.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Completes when the client has left, or <see cref="StopAsync"/> was called, and the last request has completed.</summary>
    public Task Finished => _finished.Task;

    /// <summary>Begins to serve.</summary>
    public Task StartAsync() => Reactor.InvokeAsync(() =>
    {
        _registration = Reactor.Register(_socket.Descriptor, Listening, this);
        Reactor.Activate(this);
    });

    /// <summary>Hangs up. Requests that were begun complete, unanswered.</summary>
    public Task StopAsync() => Reactor.InvokeAsync(Lose);

    /// <inheritdoc/>
    public void OnEvents(PollEvents events)
    {
        if (_lookOut.IsWaiting)
        {
            _lookOut.End(Stopwatch.GetTimestamp());
        }

        _mayReceive |= (events & ~PollEvents.Writable) != 0;
        _isPeerClosed |= (events & (PollEvents.PeerClosed | PollEvents.HangUp | PollEvents.Error)) != 0;
        if (_awaitsRoom && (events & ~(PollEvents.Readable | PollEvents.PeerClosed)) != 0)
        {
            _awaitsRoom = false;
            Reactor.Change(_registration, Listening);
        }

        Reactor.Activate(this);
    }

    /// <summary>An operation that completed later has put its reply into the queue, which is sent in this turn with all others.</summary>
    public void Complete(NbdOperation operation)
    {
        Free(operation);
        if (!IsLost)
        {
            Reactor.Activate(this);
        }
        else
        {
            EndWhenIdle();
        }
    }

    /// <inheritdoc/>
    protected override bool Poll()
    {
        var worked = Replies.UnsentBytes > 0 && !_awaitsRoom;
        Send();
        var looks = 0;
        for (var begun = 0; begun < RequestsPerTurn && MayBegin;)
        {
            if (_input.TryTake(out var request, out var payload, out var payloadStart))
            {
                worked = true;
                Begin(request, payload, payloadStart);
                if (++begun % RepliesPerSend == 0)
                {
                    Send();
                }
            }
            else if (_input.IsBroken)
            {
                _isEnding = true;
            }
            else if (looks == 0 ? _mayReceive : looks <= LooksForTheRest && _input.IsHalfReceived)
            {
                // Clients send a request and its payload one after the other: what is missing is about to come, and worth a few looks
                // that cost less than going to sleep.
                worked = true;
                looks++;
                if (!_input.Receive(out var isDrained))
                {
                    // The client leaves. What it asked before is carried out, and answered if it still listens.
                    _isEnding = true;
                }

                // Behind the last bytes of a peer that has closed stands the end, of which no event tells again.
                _mayReceive = !isDrained || _isPeerClosed;
            }
            else
            {
                break;
            }
        }

        Send();
        if (_isEnding && _operations == 0 && Replies.UnsentBytes == 0)
        {
            Lose();
        }

        return (worked && !IsLost) || MayLookOut();
    }

    /// <inheritdoc/>
    protected override bool TrySleep()
    {
        // Edge-triggered: what came since the last look is an event. Requests that wait for others to complete are woken by them.
        if (!IsLost)
        {
            Replies.Rest();
            _input.Rest();
        }

        return true;
    }

    private bool MayBegin => !_isEnding && !IsLost && _operations < OperationsMaximum && _heldBytes + Replies.UnsentBytes < HeldBytesMaximum;

    // True to be polled again soon, false to sleep until the client sends something. While the disk or the socket's room is waited for, events tell.
    private bool MayLookOut()
    {
        if (IsLost || _isEnding || _operations > 0 || _awaitsRoom)
        {
            return false;
        }

        var now = Stopwatch.GetTimestamp();
        if (!_lookOut.IsWaiting)
        {
            var isBusy = _begunSinceWait > RequestsWorthLooking;
            _begunSinceWait = 0;
            if (isBusy)
            {
                return false;
            }

            _lookOut.Begin(now);
        }

        return _lookOut.MayLook(now);
    }

    private void Begin(in NbdRequest request, NbdBuffer? payload, int payloadStart)
    {
        if (request.Command == NbdCommand.Disconnect)
        {
            _isEnding = true;
            return;
        }

        var operation = _free ?? new NbdOperation(this);
        _free = operation.NextFree;
        operation.NextFree = null;
        operation.Set(request, payload, payloadStart);
        _operations++;
        _begunSinceWait += request.Command == NbdCommand.Read && request.LengthBytes > BytesWorthLooking ? RequestsWorthLooking + 1 : 1;
        _heldBytes += operation.HeldBytes;
        if (operation.Begin())
        {
            Free(operation);
        }
    }

    private void Free(NbdOperation operation)
    {
        _operations--;
        _heldBytes -= operation.HeldBytes;
        operation.NextFree = _free;
        _free = operation;
    }

    private void Send()
    {
        if (Replies.UnsentBytes == 0 || _awaitsRoom || IsLost)
        {
            return;
        }

        var error = Replies.Flush();
        if (error == SystemCall.Again)
        {
            _awaitsRoom = true;
            Reactor.Change(_registration, Listening | PollEvents.Writable);
        }
        else if (error != 0)
        {
            Lose();
        }
    }

    private void Lose()
    {
        if (!IsLost)
        {
            IsLost = true;
            Reactor.Unregister(_registration);
            Reactor.Deactivate(this);
            _socket.Dispose();
            _input.Clear();
            Replies.Clear();
            EndWhenIdle();
        }
    }

    private void EndWhenIdle()
    {
        if (_operations == 0)
        {
            _finished.TrySetResult();
        }
    }
}
