using System.Threading.Tasks.Sources;

namespace Vireo.Storage.Layers;

/// <summary>A request that waits for its turn; used again for the next one when its answer has been taken.</summary>
internal sealed class ThrottleWaiter(ThrottleGroup group) : IValueTaskSource<bool>
{
    // Whoever lets a request go holds the group's lock, so what the request does next runs elsewhere.
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

    /// <summary>Normalised operations.</summary>
    public long Operations { get; private set; }

    /// <summary>Length.</summary>
    public long LengthBytes { get; private set; }

    /// <summary>The one that came after.</summary>
    public ThrottleWaiter? Next { get; set; }

    /// <summary>Of the answer that is waited for.</summary>
    public short Version => _core.Version;

    /// <summary>Begins to wait.</summary>
    public void Prepare(long operations, long lengthBytes)
    {
        _core.Reset();
        (Operations, LengthBytes) = (operations, lengthBytes);
    }

    /// <summary>Lets the request go.</summary>
    public void Complete(bool holdsSlot) => _core.SetResult(holdsSlot);

    /// <inheritdoc/>
    public bool GetResult(short token)
    {
        var holdsSlot = _core.GetResult(token);
        group.Return(this);
        return holdsSlot;
    }

    /// <inheritdoc/>
    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    /// <inheritdoc/>
    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
