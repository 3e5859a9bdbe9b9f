using System.Threading.Tasks.Sources;
using Vireo.Disks;
using Vireo.Storage.FrontEnds.Nbd;

namespace Vireo.Storage.NbdClient;

/// <summary>
/// One request to a server until its answer is complete: everything that is needed to send it, also a second time over another connection.
/// Used again for the next request when its answer has been taken.
/// </summary>
internal sealed class NbdCall(Action<NbdCall> giveBack) : IValueTaskSource<BlockStatus>
{
    // The thread that completes a call reads answers for everybody; what the caller does next runs elsewhere.
    private ManualResetValueTaskSourceCore<BlockStatus> _core = new() { RunContinuationsAsynchronously = true };

    /// <summary>What.</summary>
    public NbdCommand Command { get; private set; }

    /// <summary>Its flags.</summary>
    public NbdCommandFlags Flags { get; private set; }

    /// <summary>Where.</summary>
    public long OffsetBytes { get; private set; }

    /// <summary>How much.</summary>
    public int LengthBytes { get; private set; }

    /// <summary>Buffers of a read or write.</summary>
    public IoVector Buffers { get; private set; }

    /// <summary>Where in <see cref="Buffers"/> the request begins.</summary>
    public int Start { get; private set; }

    /// <summary>Where the extents go that are asked for.</summary>
    public List<BlockExtent>? Extents { get; private set; }

    /// <summary>Extents that were in the list before.</summary>
    public int FirstExtent { get; private set; }

    /// <summary>Number on the wire.</summary>
    public ulong Cookie { get; set; }

    /// <summary>When it was sent, by the clock's timestamp.</summary>
    public long SentAt { get; set; }

    /// <summary>Connections that it was sent over.</summary>
    public int Attempts { get; set; }

    /// <summary>Bytes of a read that have come.</summary>
    public long ReceivedBytes { get; set; }

    /// <summary>How it ends, as far as is known.</summary>
    public BlockStatus Status { get; set; }

    /// <summary>What the caller waits for.</summary>
    public ValueTask<BlockStatus> Answer => new(this, _core.Version);

    /// <summary>Makes the call a new request.</summary>
    public void Prepare(NbdCommand command, NbdCommandFlags flags, long offsetBytes, int lengthBytes, IoVector buffers, int start, List<BlockExtent>? extents)
    {
        _core.Reset();
        (Command, Flags, OffsetBytes, LengthBytes, Buffers, Start, Extents) = (command, flags, offsetBytes, lengthBytes, buffers, start, extents);
        Attempts = 0;
        Restart();
    }

    /// <summary>Forgets what a lost connection answered.</summary>
    public void Restart()
    {
        FirstExtent = Extents?.Count ?? 0;
        ReceivedBytes = 0;
        Status = BlockStatus.Ok;
    }

    /// <summary>The answer is complete.</summary>
    public void Complete(BlockStatus status) => _core.SetResult(status);

    /// <inheritdoc/>
    public BlockStatus GetResult(short token)
    {
        var status = _core.GetResult(token);
        (Buffers, Extents) = (default, null);
        giveBack(this);
        return status;
    }

    /// <inheritdoc/>
    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    /// <inheritdoc/>
    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
