using Vireo.Switch.Pipeline;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Ports;

/// <summary>A port without a kernel or a guest behind it: tests and benchmarks put frames in and take frames out.</summary>
internal sealed class InMemoryPort(int ringFrames = 256, int frameBytesMax = 2048) : PortBackEnd
{
    private readonly FrameRing _out = new(ringFrames, frameBytesMax);
    private PortState? _port;

    /// <inheritdoc/>
    public override bool IsConnected => _port is not null;

    /// <summary>Set to look like a receiver that takes over work.</summary>
    public PortCapabilities Offered { get; set; }

    /// <inheritdoc/>
    public override PortCapabilities Capabilities => Offered;

    /// <summary>Set to look like a link of this speed.</summary>
    public long Speed { get; set; }

    /// <inheritdoc/>
    public override long LinkBitsPerSecond => Speed;

    /// <inheritdoc/>
    protected override void OnStart(PortState port) => _port = port;

    /// <inheritdoc/>
    public override void Stop() => _port = null;

    /// <summary>Sends one frame into the switch and brings it to its end.</summary>
    public void Inject(ReadOnlySpan<byte> frame, FrameOffload offload = default)
    {
        var index = Forwarder!.Ingress.Add(frame);
        Forwarder.Ingress[index].Offload = offload;
        Forwarder.Forward(_port!);
    }

    /// <summary>Sends whatever the caller has put into the forwarder's batch.</summary>
    public void InjectBatch() => Forwarder!.Forward(_port!);

    /// <summary>Takes the oldest frame that left here, or null.</summary>
    public byte[]? TryTake()
    {
        if (_out.IsEmpty)
        {
            return null;
        }

        var frame = _out.Peek(out _).ToArray();
        _out.Dequeue();
        return frame;
    }

    /// <summary>Throws away what left here.</summary>
    /// <returns>How many frames.</returns>
    public int Drain()
    {
        var count = 0;
        while (!_out.IsEmpty)
        {
            _out.Dequeue();
            count++;
        }

        return count;
    }

    /// <inheritdoc/>
    public override void Transmit(FrameBatch batch)
    {
        var live = batch.Live;
        for (var position = 0; position < live.Length; position++)
        {
            if (!_out.TryEnqueue(batch.Bytes(live[position])))
            {
                RefuseFrom(batch, position);
                return;
            }
        }
    }
}
