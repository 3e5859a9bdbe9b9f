using Vireo.Platform.Events;
using Vireo.Platform.Sockets;
using Vireo.Vhost.Sessions;

namespace Vireo.Vhost;

/// <summary>
/// Serves one device to one front end at a time: listens on a Unix socket, or connects to a front end that listens. When a front end
/// goes away its requests are finished first; then the next may come, so that two never write the same disk.
/// </summary>
public sealed class VhostUserBackend : IReactorHandler, IAsyncDisposable
{
    private readonly ReactorSeat _reactor;
    private readonly IVhostUserDevice _device;
    private readonly VhostUserBackendOptions _options;
    private readonly UnixListener? _listener;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Registration? _registration;
    private VhostUserSession? _session;
    private bool _isClosing;
    private long _connections;
    private long _brokenQueues;

    private VhostUserBackend(ReactorSeat reactor, IVhostUserDevice device, VhostUserBackendOptions options, UnixListener? listener)
    {
        _reactor = reactor;
        _device = device;
        _options = options;
        _listener = listener;
    }

    /// <summary>Whether a front end is there.</summary>
    public bool IsConnected => Volatile.Read(ref _session) is not null;

    /// <summary>How many front ends have connected so far.</summary>
    public long Connections => Volatile.Read(ref _connections);

    /// <summary>How many queues were broken by their drivers so far, without those of the present connection.</summary>
    public long BrokenQueues => Volatile.Read(ref _brokenQueues) + (Volatile.Read(ref _session)?.BrokenQueues ?? 0);

    /// <summary>Completes when the back end is disposed, and in client mode also when the front end is gone.</summary>
    public Task Completion => _closed.Task;

    /// <summary>The same at a reactor for good.</summary>
    /// <exception cref="IOException">The socket cannot be made; the message says why.</exception>
    public static Task<VhostUserBackend> ListenAsync(
        Reactor reactor, IVhostUserDevice device, string socketPath, VhostUserBackendOptions? options = null) =>
        ListenAsync(new ReactorSeat(reactor), device, socketPath, options);

    /// <summary>Listens at <paramref name="socketPath"/> and serves whoever connects, one after the other.</summary>
    /// <exception cref="IOException">The socket cannot be made; the message says why.</exception>
    public static async Task<VhostUserBackend> ListenAsync(
        ReactorSeat reactor, IVhostUserDevice device, string socketPath, VhostUserBackendOptions? options = null)
    {
        options ??= new VhostUserBackendOptions();
        var backend = new VhostUserBackend(reactor, device, options, UnixListener.Listen(socketPath, options.SocketGroup));
        await reactor.InvokeAsync(backend.AwaitConnection);
        return backend;
    }

    /// <summary>The same at a reactor for good.</summary>
    /// <exception cref="IOException">Nobody listens there.</exception>
    public static Task<VhostUserBackend> ConnectAsync(
        Reactor reactor, IVhostUserDevice device, string socketPath, VhostUserBackendOptions? options = null) =>
        ConnectAsync(new ReactorSeat(reactor), device, socketPath, options);

    /// <summary>Serves the front end that listens at <paramref name="socketPath"/>, until it goes away.</summary>
    /// <exception cref="IOException">Nobody listens there.</exception>
    public static async Task<VhostUserBackend> ConnectAsync(
        ReactorSeat reactor, IVhostUserDevice device, string socketPath, VhostUserBackendOptions? options = null)
    {
        var backend = new VhostUserBackend(reactor, device, options ?? new VhostUserBackendOptions(), listener: null);
        var connection = UnixConnection.Connect(socketPath);
        await reactor.InvokeAsync(() => backend.Begin(connection));
        return backend;
    }

    /// <summary>Tells the front end that the device's configuration space has changed. From any thread.</summary>
    public Task NotifyConfigChangedAsync() => _reactor.InvokeAsync(() => _session?.NotifyConfigChanged());

    /// <summary>Somebody connects.</summary>
    void IReactorHandler.OnEvents(PollEvents events)
    {
        try
        {
            if (_session is null && _listener?.TryAccept() is { } connection)
            {
                // The next one waits in the listener's queue until this one is gone.
                StopAwaiting();
                Begin(connection);
            }
        }
        catch (IOException failure)
        {
            // Out of descriptors. Who waits is still in the listener's queue and is served as soon as there is one.
            _options.Observer?.Invoke(new VhostUserEvent(VhostUserEventKind.MessageRejected, $"Nobody can connect to {_options.Name} now: {failure.Message}"));
        }
    }

    /// <summary>Stops listening, finishes what is in flight, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        await _reactor.InvokeAsync(() =>
        {
            if (_isClosing)
            {
                return;
            }

            _isClosing = true;
            StopAwaiting();
            _listener?.Dispose();
            if (_session is null)
            {
                _closed.TrySetResult();
            }
            else
            {
                _session.Close("the device is being taken down");
            }
        });
        await _closed.Task;
    }

    private void Begin(UnixConnection connection)
    {
        var peer = connection.Peer;
        _session = new VhostUserSession(_reactor, _device, _options, connection, SessionEnded);
        _connections++;
        _options.Observer?.Invoke(new VhostUserEvent(VhostUserEventKind.Connected, $"Process {peer.ProcessId} has connected to {_options.Name}."));
    }

    private void SessionEnded(string reason)
    {
        _brokenQueues += _session!.BrokenQueues;
        Volatile.Write(ref _session, null);
        _options.Observer?.Invoke(new VhostUserEvent(VhostUserEventKind.Disconnected, $"The connection to {_options.Name} has ended: {reason}."));
        if (_isClosing || _listener is null)
        {
            _closed.TrySetResult();
        }
        else
        {
            AwaitConnection();
        }
    }

    private void AwaitConnection()
    {
        if (_listener is not null)
        {
            _registration = _reactor.Register(_listener.Descriptor, PollEvents.Readable, this);
        }
    }

    private void StopAwaiting()
    {
        if (_registration is { } registration)
        {
            _reactor.Unregister(registration);
            _registration = null;
        }
    }
}
