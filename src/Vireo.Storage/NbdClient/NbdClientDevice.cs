using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Vireo.Disks;
using Vireo.Storage.FrontEnds.Nbd;

namespace Vireo.Storage.NbdClient;

/// <summary>
/// An export of an NBD server as a block device: many requests at once over one connection, answers in any order. When the connection is
/// lost, requests wait while the client connects again, and are sent once more; they are such that doing one twice does no harm.
/// </summary>
/// <remarks>
/// A server that was restarted must offer the same export: another size or fewer rights end the device. What a server completed but did not
/// flush before its *machine* lost power is gone without a sign, as with a disk; a caller that needs more flushes.
/// A status after <see cref="NbdClientOptions.ReconnectFor"/> without a server is <see cref="BlockStatus.IoError"/>, also for all later requests.
/// </remarks>
public sealed class NbdClientDevice : IBlockDevice
{
    private const int LongestPieceBytes = 4 << 20;
    private const long LongestRangeBytes = 1 << 30;
    private const int AttemptsMaximum = 3;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);
    private readonly Func<CancellationToken, Task<(Stream Stream, NbdServerExport Export)>> _connect;
    private readonly NbdClientOptions _options;
    private readonly TimeProvider _time;
    private readonly string _name;
    private readonly Lock _lock = new();
    private readonly Queue<NbdCall> _waiting = new();
    private readonly Stack<NbdCall> _spare = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly NbdExportFlags _flags;
    private readonly int _pieceBytes;
    private NbdLink? _link;
    private string? _lostBecause;
    private long _reconnectForTicks;
    private Task _keeping = Task.CompletedTask;

    private NbdClientDevice(
        string name, Func<CancellationToken, Task<(Stream Stream, NbdServerExport Export)>> connect, NbdServerExport export, NbdClientOptions options, TimeProvider time)
    {
        (_name, _connect, _options, _time, _flags) = (name, connect, options, time, export.Flags);
        _reconnectForTicks = options.ReconnectFor.Ticks;
        var sectorBytes = export.MinimumBlockBytes <= 512 ? 512 : export.MinimumBlockBytes;
        if (sectorBytes is not (512 or 4096) || export.SizeBytes % sectorBytes != 0)
        {
            throw new NbdClientException($"The NBD server '{name}' is refused: its export has {export.SizeBytes} bytes in blocks of {export.MinimumBlockBytes}, which is no whole number of sectors of 512 or 4096.");
        }

        Geometry = new BlockGeometry(export.SizeBytes, sectorBytes, Math.Max(sectorBytes, export.PreferredBlockBytes < 4096 ? 512 : 4096));
        _pieceBytes = Math.Min(export.MaximumPayloadBytes / 4096 * 4096, LongestPieceBytes);
        var isReadOnly = Has(NbdExportFlags.ReadOnly);
        Capabilities = new BlockCapabilities(
            isReadOnly,
            Has(NbdExportFlags.Trim) && !isReadOnly ? Capability.Native : Capability.None,
            Has(NbdExportFlags.WriteZeroes) && !isReadOnly ? Capability.Native : Capability.None,
            export.AllocationContextId is null ? Capability.None : Capability.Native);
    }

    /// <inheritdoc/>
    public BlockGeometry Geometry { get; }

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <summary>Why the server was given up, or null while there is hope.</summary>
    public string? LostBecause => Volatile.Read(ref _lostBecause);

    /// <summary>How long a lost server is sought, beginning with the next loss.</summary>
    public TimeSpan ReconnectFor
    {
        get => new(Volatile.Read(ref _reconnectForTicks));
        set => Volatile.Write(ref _reconnectForTicks, value.Ticks);
    }

    /// <summary>Times that the connection was made again.</summary>
    public int Reconnections { get; private set; }

    /// <summary>Connects to a server.</summary>
    /// <exception cref="IOException">It cannot be reached, is refused, or refuses; or the certificates cannot be read.</exception>
    public static async Task<NbdClientDevice> ConnectAsync(NbdAddress address, NbdClientOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var certificates = address.CertificateFolder is { } folder ? TlsFolder.Load(folder, isServer: false) : null;
        return await ConnectAsync(address.ToString(), OpenAsync, options, time, cancellationToken).ConfigureAwait(false);

        async Task<(Stream Stream, NbdServerExport Export)> OpenAsync(CancellationToken token)
        {
            var stream = await OpenSocketAsync(address, token).ConfigureAwait(false);
            try
            {
                return await new NbdClientHandshake(address, certificates).RunAsync(stream, token).ConfigureAwait(false);
            }
            catch
            {
                await stream.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    /// <summary>Connects by a function that opens and shakes hands: for tests.</summary>
    internal static async Task<NbdClientDevice> ConnectAsync(
        string name, Func<CancellationToken, Task<(Stream Stream, NbdServerExport Export)>> connect, NbdClientOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var alarm = time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), patience, options.AnswerWithin, Timeout.InfiniteTimeSpan);
        try
        {
            var (stream, export) = await connect(patience.Token).ConfigureAwait(false);
            NbdClientDevice device;
            try
            {
                device = new NbdClientDevice(name, connect, export, options, time);
            }
            catch
            {
                await stream.DisposeAsync().ConfigureAwait(false);
                throw;
            }

            device._link = new NbdLink(stream, export, device.Geometry.LogicalSectorBytes, time);
            device._keeping = device.KeepAsync(device._link, device._link.RunAsync());
            return device;
        }
        catch (Exception exception) when (IsUnreachable(exception) && !cancellationToken.IsCancellationRequested)
        {
            throw exception as NbdClientException ?? new NbdClientException($"The NBD server '{name}' cannot be reached: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> ReadAsync(long offsetBytes, IoVector buffers) => buffers.LengthBytes <= _pieceBytes
        ? Call(NbdCommand.Read, NbdCommandFlags.None, offsetBytes, buffers.LengthBytes, buffers, 0)
        : InPiecesAsync(NbdCommand.Read, NbdCommandFlags.None, offsetBytes, buffers.LengthBytes, buffers, _pieceBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteAsync(long offsetBytes, IoVector buffers, WriteOptions options)
    {
        var flags = ThroughFlag(options);
        return NeedsFlush(options) ? ThenFlushAsync(WriteAllAsync(flags, offsetBytes, buffers)) : WriteAllAsync(flags, offsetBytes, buffers);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> FlushAsync() =>
        Has(NbdExportFlags.Flush) ? Call(NbdCommand.Flush, NbdCommandFlags.None, 0, 0, default, 0, isCommand: true) : new(BlockStatus.Ok);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> TrimAsync(long offsetBytes, long lengthBytes) =>
        InPiecesAsync(NbdCommand.Trim, NbdCommandFlags.None, offsetBytes, lengthBytes, default, LongestRangeBytes);

    /// <inheritdoc/>
    public ValueTask<BlockStatus> WriteZeroesAsync(long offsetBytes, long lengthBytes, WriteOptions options)
    {
        var flags = ThroughFlag(options) | ((options & WriteOptions.MayTrim) == 0 ? NbdCommandFlags.NoHole : NbdCommandFlags.None);
        return NeedsFlush(options)
            ? ThenFlushAsync(InPiecesAsync(NbdCommand.WriteZeroes, flags, offsetBytes, lengthBytes, default, LongestRangeBytes))
            : InPiecesAsync(NbdCommand.WriteZeroes, flags, offsetBytes, lengthBytes, default, LongestRangeBytes);
    }

    /// <inheritdoc/>
    public ValueTask<BlockStatus> MapExtentsAsync(long offsetBytes, long lengthBytes, List<BlockExtent> extents) =>
        Call(NbdCommand.BlockStatus, NbdCommandFlags.None, offsetBytes, (int)Math.Min(lengthBytes, LongestRangeBytes), default, 0, extents);

    /// <summary>Closes the connection; requests under way end with <see cref="BlockStatus.Closed"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _keeping.ConfigureAwait(false);
        _stop.Dispose();
    }

    private NbdCommandFlags ThroughFlag(WriteOptions options) =>
        (options & WriteOptions.ForceUnitAccess) != 0 && Has(NbdExportFlags.ForceUnitAccess) ? NbdCommandFlags.ForceUnitAccess : NbdCommandFlags.None;

    private bool NeedsFlush(WriteOptions options) => (options & WriteOptions.ForceUnitAccess) != 0 && !Has(NbdExportFlags.ForceUnitAccess);

    private ValueTask<BlockStatus> WriteAllAsync(NbdCommandFlags flags, long offsetBytes, IoVector buffers) => buffers.LengthBytes <= _pieceBytes
        ? Call(NbdCommand.Write, flags, offsetBytes, buffers.LengthBytes, buffers, 0)
        : InPiecesAsync(NbdCommand.Write, flags, offsetBytes, buffers.LengthBytes, buffers, _pieceBytes);

    private bool Has(NbdExportFlags flag) => (_flags & flag) != 0;

    private static bool IsUnreachable(Exception exception) => exception is IOException or SocketException or AuthenticationException or OperationCanceledException;

    private static async Task<Stream> OpenSocketAsync(NbdAddress address, CancellationToken cancellationToken)
    {
        var socket = address.SocketPath is null ? new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true } : new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            EndPoint endPoint = address.SocketPath is { } path ? new UnixDomainSocketEndPoint(path) : new DnsEndPoint(address.Host!.Trim('[', ']'), address.Port);
            await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private ValueTask<BlockStatus> Call(
        NbdCommand command, NbdCommandFlags flags, long offsetBytes, int lengthBytes, IoVector buffers, int start, List<BlockExtent>? extents = null, bool isCommand = false)
    {
        if (lengthBytes == 0 && !isCommand)
        {
            return new(BlockStatus.Ok);
        }

        NbdCall call;
        NbdLink? link;
        lock (_lock)
        {
            if (_lostBecause is not null)
            {
                return new(_stop.IsCancellationRequested ? BlockStatus.Closed : BlockStatus.IoError);
            }

            call = _spare.TryPop(out var spare) ? spare : new NbdCall(GiveBack);
            call.Prepare(command, flags, offsetBytes, lengthBytes, buffers, start, extents);
            link = _link;
            if (link is null)
            {
                _waiting.Enqueue(call);
                return call.Answer;
            }
        }

        var answer = call.Answer;
        Send(link, call);
        return answer;
    }

    private void Send(NbdLink link, NbdCall call)
    {
        while (!link.TrySend(call))
        {
            lock (_lock)
            {
                if (_lostBecause is not null)
                {
                    call.Complete(BlockStatus.IoError);
                    return;
                }

                if (_link is null || _link == link)
                {
                    _waiting.Enqueue(call);
                    return;
                }

                link = _link;
            }
        }
    }

    private void GiveBack(NbdCall call)
    {
        lock (_lock)
        {
            _spare.Push(call);
        }
    }

    private async ValueTask<BlockStatus> InPiecesAsync(NbdCommand command, NbdCommandFlags flags, long offsetBytes, long lengthBytes, IoVector buffers, long pieceBytes)
    {
        for (var done = 0L; done < lengthBytes;)
        {
            var count = (int)Math.Min(pieceBytes, lengthBytes - done);
            var status = await Call(command, flags, offsetBytes + done, count, buffers, buffers.LengthBytes == 0 ? 0 : (int)done).ConfigureAwait(false);
            if (status != BlockStatus.Ok)
            {
                return status;
            }

            done += count;
        }

        return BlockStatus.Ok;
    }

    private async ValueTask<BlockStatus> ThenFlushAsync(ValueTask<BlockStatus> request)
    {
        var status = await request.ConfigureAwait(false);
        return status == BlockStatus.Ok ? await FlushAsync().ConfigureAwait(false) : status;
    }

    // Lives as long as the device: watches a connection, and makes the next when it ends.
    private async Task KeepAsync(NbdLink link, Task<string> running)
    {
        while (true)
        {
            string reason;
            var watch = _time.CreateTimer(_ => link.EndWhenSilent(_options.AnswerWithin), null, _options.AnswerWithin / 4, _options.AnswerWithin / 4);
            var stop = _stop.Token.Register(link.End);
            await using (watch.ConfigureAwait(false))
            await using (stop.ConfigureAwait(false))
            {
                reason = await running.ConfigureAwait(false);
            }

            lock (_lock)
            {
                _link = null;
                foreach (var call in link.TakeUnanswered())
                {
                    if (call.Attempts < AttemptsMaximum)
                    {
                        call.Restart();
                        _waiting.Enqueue(call);
                    }
                    else
                    {
                        call.Complete(BlockStatus.IoError);
                    }
                }
            }

            await link.DisposeAsync().ConfigureAwait(false);
            if (await ReconnectAsync(reason).ConfigureAwait(false) is not { } next)
            {
                return;
            }

            link = next;
            running = link.RunAsync();
            NbdCall[] waiting;
            lock (_lock)
            {
                waiting = [.. _waiting];
                _waiting.Clear();
                _link = link;
                Reconnections++;
            }

            foreach (var call in waiting)
            {
                Send(link, call);
            }
        }
    }

    private async Task<NbdLink?> ReconnectAsync(string reason)
    {
        var begun = _time.GetTimestamp();
        while (!_stop.IsCancellationRequested && _time.GetElapsedTime(begun) < ReconnectFor)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var left = ReconnectFor - _time.GetElapsedTime(begun);
            using var alarm = _time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), patience, left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            try
            {
                var (stream, export) = await _connect(patience.Token).ConfigureAwait(false);
                if (export.SizeBytes == Geometry.SizeBytes && (export.Flags & _flags) == _flags && export.MinimumBlockBytes <= Geometry.LogicalSectorBytes
                    && export.MaximumPayloadBytes >= _pieceBytes && (export.AllocationContextId is not null || Capabilities.MapExtents == Capability.None))
                {
                    return new NbdLink(stream, export, Geometry.LogicalSectorBytes, _time);
                }

                await stream.DisposeAsync().ConfigureAwait(false);
                reason = "it came back with another export";
                break;
            }
            catch (Exception exception) when (IsUnreachable(exception))
            {
                reason = exception.Message;
            }

            try
            {
                // Allowed: a server that is away has no event to wait on, and the clock is the one that was passed in.
                await Task.Delay(s_pause, _time, _stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        NbdCall[] waiting;
        lock (_lock)
        {
            _lostBecause = $"The NBD server '{_name}' was lost: {reason}.";
            waiting = [.. _waiting];
            _waiting.Clear();
        }

        foreach (var call in waiting)
        {
            call.Complete(_stop.IsCancellationRequested ? BlockStatus.Closed : BlockStatus.IoError);
        }

        return null;
    }
}
