using System.Threading.Channels;
using Vireo.Control.Switching;

namespace Vireo.Switch.Tracing;

/// <summary>
/// Somebody who wants to know. Packet threads put frames into a queue of a fixed length and never wait: what finds no room is counted as
/// lost. One reader takes them out.
/// </summary>
internal sealed class TraceSession
{
    private const int QueueFrames = 4096;
    private const int CaptureBytesDefault = 65_535;
    private readonly Channel<FrameTrace> _queue = Channel.CreateBounded<FrameTrace>(
        new BoundedChannelOptions(QueueFrames) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly HashSet<Guid>? _ports;
    private long _frames;
    private long _lost;
    private volatile string? _fault;

    /// <summary>A session for a valid request.</summary>
    public TraceSession(Guid id, TraceRequest request, TraceFilter filter, int frameBytes = 0)
    {
        Id = id;
        Request = request;
        Filter = filter;
        _ports = request.Ports is null ? null : [.. request.Ports];
        CaptureBytes = request.Capture is null ? frameBytes : request.Capture.FrameBytes == 0 ? CaptureBytesDefault : request.Capture.FrameBytes;
    }

    /// <summary>Key.</summary>
    public Guid Id { get; }

    /// <summary>What was asked.</summary>
    public TraceRequest Request { get; }

    /// <summary>Which frames.</summary>
    public TraceFilter Filter { get; }

    /// <summary>How many bytes of a frame are kept; zero keeps none.</summary>
    public int CaptureBytes { get; }

    /// <summary>What there is to tell.</summary>
    public ChannelReader<FrameTrace> Traces => _queue.Reader;

    /// <summary>So far.</summary>
    public TraceStatus Status => new(Id, Request, Volatile.Read(ref _frames), Volatile.Read(ref _lost), _fault);

    /// <summary>Writing has failed for good: nothing more is taken.</summary>
    public void Fail(string fault)
    {
        _fault = fault;
        Complete();
    }

    /// <summary>A frame has come to its end.</summary>
    public void Offer(FrameTrace trace)
    {
        if ((_ports is not null && !trace.Touches(_ports)) || (Request.DropsOnly && trace.Receivers.Count > 0))
        {
            return;
        }

        if (_queue.Writer.TryWrite(trace))
        {
            Interlocked.Increment(ref _frames);
        }
        else
        {
            Interlocked.Increment(ref _lost);
        }
    }

    /// <summary>Nothing more comes; the reader ends with what there is.</summary>
    public void Complete() => _queue.Writer.TryComplete();
}
