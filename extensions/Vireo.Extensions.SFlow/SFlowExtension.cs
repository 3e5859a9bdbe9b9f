using System.Net;
using System.Net.Sockets;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.SFlow;

/// <summary>
/// Samples frames where they enter the switch, and counters of its ports, and sends both to a collector: sFlow version 5. The packet thread only copies the
/// beginning of a chosen frame into a ring; a timer makes datagrams of what waits there.
/// </summary>
public sealed class SFlowExtension : CaptureExtension, IDisposable
{
    /// <summary>Settings of a switch.</summary>
    public static readonly Guid SettingsId = new("5f10e000-7a1c-4c57-9c0a-2a7c1c9d0002");

    /// <summary>Settings of a port.</summary>
    public static readonly Guid PortSettingsId = new("5f10e000-7a1c-4c57-9c0a-2a7c1c9d0003");

    /// <summary>What is told.</summary>
    public static readonly Guid DataId = new("5f10e000-7a1c-4c57-9c0a-2a7c1c9d0004");
    private static readonly TimeSpan s_flush = TimeSpan.FromMilliseconds(100);
    private readonly SwitchFeature<SFlowSettings> _settings = new(SettingsId, "sFlow", SFlowJson.Default.SFlowSettings);
    private readonly PortFeature<SFlowPortSettings> _portSettings = new(PortSettingsId, "sFlow of a port", SFlowJson.Default.SFlowPortSettings);
    private readonly SampleRing _ring = new();
    private readonly SFlowData _data = new();
    private readonly Lock _lock = new();
    private ulong _random = 0x9E37_79B9_7F4A_7C15;
    private uint _dropped;
    private long _started;
    private long _countersAt;
    private Socket? _socket;
    private DatagramWriter? _writer;

    /// <inheritdoc/>
    public override HeaderDepth Needs => HeaderDepth.Ethernet;

    /// <inheritdoc/>
    protected override void Declare(FeatureSet features)
    {
        features.Add(_settings);
        features.Add(_portSettings);
        features.AddData(DataId, "sFlow", FeatureScope.Switch, SFlowJson.Default.SFlowData, _ => _data);
    }

    /// <inheritdoc/>
    protected override string? OnChanging(StateChange change) => change.Settings switch
    {
        SFlowSettings { Collector: not null } one when !IPAddress.TryParse(one.Collector, out _) => $"the collector '{one.Collector}' is no IP address.",
        SFlowSettings one when !IPAddress.TryParse(one.AgentAddress, out _) => $"the agent address '{one.AgentAddress}' is no IP address.",
        SFlowSettings { CollectorPort: < 1 or > 65535 } one => $"the port {one.CollectorPort} is not possible; use 1 to 65535.",
        SFlowSettings { SamplingRate: < 1 } one => $"the sampling rate {one.SamplingRate} is not possible; use 1 for every frame, or more.",
        SFlowSettings { HeaderBytes: < 14 or > SampleRing.HeaderBytesMax } one => $"{one.HeaderBytes} bytes of a frame are not possible; use 14 to {SampleRing.HeaderBytesMax}.",
        SFlowSettings { CounterSeconds: < 0 or > 3600 } one => $"{one.CounterSeconds} s between counters are not possible; use 1 to 3600, or 0 for none.",
        SFlowPortSettings { SamplingRate: < 0 } one => $"the sampling rate {one.SamplingRate} is not possible; use 0 for none, or 1 and more.",
        _ => null,
    };

    /// <inheritdoc/>
    protected override void OnStart()
    {
        _random ^= (ulong)Host.SwitchId.GetHashCode();
        _started = Host.Clock.GetTimestamp();
        _countersAt = _started;
        OnSettings(null);
    }

    /// <inheritdoc/>
    protected override void OnStop() => Dispose();

    /// <inheritdoc/>
    protected override void OnSettings(SwitchPort? port)
    {
        if (port is not null)
        {
            return;
        }

        lock (_lock)
        {
            _socket?.Dispose();
            _socket = null;
            _writer = null;
            if (_settings.Value is { Collector: { } collector } settings)
            {
                var address = IPAddress.Parse(collector);
                _socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
                _socket.Connect(address, settings.CollectorPort);
                _writer = new DatagramWriter(IPAddress.Parse(settings.AgentAddress));
            }
        }

        Host.SetTimer(_socket is null ? TimeSpan.Zero : s_flush);
    }

    /// <inheritdoc/>
    protected override void Capture(in FrameView frame)
    {
        if (frame.Direction != StageDirection.Ingress || _settings.Value is not { Collector: not null } settings)
        {
            return;
        }

        var rate = _portSettings.Of(frame.Port)?.SamplingRate ?? settings.SamplingRate;
        if (frame.Port.Tag is not PortSampler sampler)
        {
            // The first frame of a port.
            frame.Port.Tag = sampler = new PortSampler();
        }

        sampler.Pool++;
        if (rate == 0 || --sampler.Left > 0)
        {
            return;
        }

        sampler.Left = NextDistance(rate);
        var head = frame.Head;
        var bytes = Math.Min(head.Length, Math.Min(settings.HeaderBytes, SampleRing.HeaderBytesMax));
        var sample = new Sample(frame.Port.Number, ++sampler.Sequence, (uint)rate, sampler.Pool, _dropped, frame.Length, frame.VlanId, frame.Priority, bytes);
        if (!_ring.TryAdd(sample, head[..bytes]))
        {
            _dropped++;
        }
    }

    /// <inheritdoc/>
    protected override void OnTimer()
    {
        lock (_lock)
        {
            if (_socket is null || _writer is not { } writer)
            {
                return;
            }

            writer.Begin(Host.Clock.GetElapsedTime(_started));
            while (_ring.TryPeek(out var sample, out var header))
            {
                writer.AddFlow(sample, header);
                _ring.Remove();
                _data.FlowSamples++;
                SendIfFull(writer);
            }

            var seconds = _settings.Value?.CounterSeconds ?? 0;
            if (seconds > 0 && Host.Clock.GetElapsedTime(_countersAt).TotalSeconds >= seconds)
            {
                _countersAt = Host.Clock.GetTimestamp();
                foreach (var port in Host.Ports)
                {
                    var sequence = port.Tag is PortSampler sampler ? ++sampler.CounterSequence : 1;
                    writer.AddCounters(port.Number, sequence, port.IsConnected, port.Counters);
                    _data.CounterSamples++;
                    SendIfFull(writer);
                }
            }

            if (writer.Samples > 0)
            {
                Send(writer);
            }

            _data.DroppedSamples = _dropped;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _socket?.Dispose();
            _socket = null;
        }
    }

    /// <summary>Uniform from 1 to twice the rate less one, so that the average is the rate and no pattern in the traffic is met (section 3.1).</summary>
    private int NextDistance(int rate)
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return 1 + (int)(_random % (((ulong)rate * 2) - 1));
    }

    private void SendIfFull(DatagramWriter writer)
    {
        if (writer.IsFull)
        {
            Send(writer);
            writer.Begin(Host.Clock.GetElapsedTime(_started));
        }
    }

    private void Send(DatagramWriter writer)
    {
        try
        {
            _socket!.Send(writer.Datagram);
            _data.Datagrams++;
            _data.Fault = null;
        }
        catch (SocketException exception)
        {
            // The collector is away; what it misses it sees by the sequence numbers.
            _data.Fault = exception.Message;
        }
    }

    private sealed class PortSampler
    {
        public int Left;
        public uint Pool;
        public uint Sequence;
        public uint CounterSequence;
    }
}
