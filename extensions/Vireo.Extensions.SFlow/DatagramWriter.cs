using System.Buffers.Binary;
using System.Net;
using Vireo.Switch.Sdk;

namespace Vireo.Extensions.SFlow;

/// <summary>Writes datagrams of sFlow version 5 (sflow.org, "sFlow Version 5", July 2004): XDR, so everything is a multiple of four bytes.</summary>
internal sealed class DatagramWriter(IPAddress agent)
{
    /// <summary>Fits into an Ethernet frame with the headers of IPv6 and UDP.</summary>
    public const int BytesMax = 1400;

    // Record and sample formats of enterprise 0: section 5 of the standard.
    private const uint FlowSampleFormat = 1;
    private const uint CounterSampleFormat = 2;
    private const uint RawHeaderFormat = 1;
    private const uint ExtendedSwitchFormat = 1001;
    private const uint InterfaceCountersFormat = 1;
    private readonly byte[] _bytes = new byte[BytesMax + 512];
    private uint _sequence;
    private int _length;
    private int _countAt;

    /// <summary>Samples in the datagram.</summary>
    public int Samples { get; private set; }

    /// <summary>No further sample is sure to fit.</summary>
    public bool IsFull => _length > BytesMax - 400;

    /// <summary>The datagram.</summary>
    public ReadOnlySpan<byte> Datagram => _bytes.AsSpan(0, _length);

    /// <summary>Begins a datagram.</summary>
    /// <param name="uptime">Since the agent started.</param>
    public void Begin(TimeSpan uptime)
    {
        _length = 0;
        Samples = 0;
        var address = agent.GetAddressBytes();
        Write(5);
        Write(address.Length == 4 ? 1u : 2u);
        Write(address);
        Write(0);
        Write(++_sequence);
        Write((uint)uptime.TotalMilliseconds);
        _countAt = _length;
        Write(0);
    }

    /// <summary>Adds a sampled frame: its beginning and its VLAN.</summary>
    public void AddFlow(in Sample sample, ReadOnlySpan<byte> header)
    {
        var lengthAt = BeginSample(FlowSampleFormat);
        Write(sample.Sequence);
        Write((uint)sample.Port);
        Write(sample.Rate);
        Write(sample.Pool);
        Write(sample.Drops);
        Write((uint)sample.Port);

        // Where it goes is not known yet where it enters: 0 is "unknown" (section 5, interface).
        Write(0);
        Write(2);

        // Protocol 1 is Ethernet; the length on the wire counts the check sequence, which is cut off here.
        const int checkBytes = 4;
        Write(RawHeaderFormat);
        Write((uint)(16 + ((header.Length + 3) & ~3)));
        Write(1);
        Write((uint)(sample.FrameBytes + checkBytes));
        Write(checkBytes);
        Write((uint)header.Length);
        Write(header);
        Write(ExtendedSwitchFormat);
        Write(16);
        Write(sample.VlanId);
        Write(sample.Priority);
        Write(sample.VlanId);
        Write(sample.Priority);
        EndSample(lengthAt);
    }

    /// <summary>Adds the counters of a port.</summary>
    /// <param name="port">Its number.</param>
    /// <param name="sequence">Number of the sample of that port.</param>
    /// <param name="isUp">Somebody is there.</param>
    /// <param name="counters">As they stand.</param>
    public void AddCounters(int port, uint sequence, bool isUp, in PortCounters counters)
    {
        const uint unknown = uint.MaxValue;
        var lengthAt = BeginSample(CounterSampleFormat);
        Write(sequence);
        Write((uint)port);
        Write(1);
        Write(InterfaceCountersFormat);
        Write(88);
        Write((uint)port);
        Write(6);
        WriteLong(10_000_000_000);
        Write(1);
        Write(isUp ? 3u : 0u);
        WriteLong(counters.BytesIn);
        Write((uint)counters.FramesIn);
        Write(unknown);
        Write(unknown);
        Write((uint)counters.Dropped);
        Write(0);
        Write(unknown);
        WriteLong(counters.BytesOut);
        Write((uint)counters.FramesOut);
        Write(unknown);
        Write(unknown);
        Write(0);
        Write(0);
        Write(0);
        EndSample(lengthAt);
    }

    private int BeginSample(uint format)
    {
        Write(format);
        Write(0);
        return _length - 4;
    }

    private void EndSample(int lengthAt)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(lengthAt), (uint)(_length - lengthAt - 4));
        BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(_countAt), (uint)++Samples);
    }

    private void Write(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes.AsSpan(_length), value);
        _length += 4;
    }

    private void WriteLong(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_bytes.AsSpan(_length), value);
        _length += 8;
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        var padded = (bytes.Length + 3) & ~3;
        _bytes.AsSpan(_length, padded).Clear();
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += padded;
    }
}
