using System.Buffers.Binary;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Offloads;

/// <summary>
/// Cuts one long frame into frames of the size that its sender asked for, as a network adapter with segmentation offload would
/// (virtio 1.2 5.1.6.2): every piece has the headers of the whole with lengths, identification, sequence number, flags and checksums
/// of its own. A frame that needs no cutting comes out as it is.
/// </summary>
internal ref struct SegmentCutter
{
    private const byte TcpFinPush = 0x01 | 0x08;
    private const byte TcpCongestionWindowReduced = 0x80;

    private readonly ReadOnlySpan<byte> _frame;
    private readonly FrameOffload _offload;
    private readonly bool _whole;
    private readonly bool _sound;
    private readonly int _networkOffset;
    private readonly int _transportOffset;
    private readonly int _payloadOffset;
    private readonly int _end;
    private readonly bool _isIPv4;
    private int _position;
    private int _pieces;

    /// <summary>Prepares to cut.</summary>
    /// <param name="frame">The whole.</param>
    /// <param name="offload">What the sender asked for.</param>
    /// <param name="whole">Whether the receiver takes the frame uncut.</param>
    public SegmentCutter(ReadOnlySpan<byte> frame, FrameOffload offload, bool whole)
    {
        _frame = frame;
        _offload = offload;
        _whole = whole || offload.Segmentation == SegmentationKind.None;
        if (_whole)
        {
            _sound = true;
            return;
        }

        var parsed = FrameParser.TryParse(frame, HeaderDepth.Network, out var headers);
        var isTcp = offload.Segmentation != SegmentationKind.Udp;
        _isIPv4 = headers.Network == NetworkProtocol.IPv4;
        _networkOffset = headers.NetworkOffset;
        _transportOffset = headers.TransportOffset;
        _end = headers.NetworkEnd;
        if (!parsed || headers.Has(FrameFlags.Malformed | FrameFlags.Fragment) || _transportOffset == 0
            || headers.TransportProtocol != (isTcp ? 6 : 17)
            || (offload.Segmentation == SegmentationKind.Tcp4 && !_isIPv4)
            || (offload.Segmentation == SegmentationKind.Tcp6 && headers.Network != NetworkProtocol.IPv6))
        {
            return;
        }

        _payloadOffset = _transportOffset + (isTcp ? (frame[_transportOffset + 12] >> 4) * 4 : 8);
        _sound = _payloadOffset >= _transportOffset + (isTcp ? 20 : 8) && _payloadOffset < _end;
        _position = _payloadOffset;
    }

    /// <summary>Whether everything has come out.</summary>
    public readonly bool IsDone => _whole ? _pieces > 0 : _sound && _position >= _end;

    /// <summary>Adds the next piece to <paramref name="batch"/>, which is not full.</summary>
    /// <returns>False when the frame is not what its sender says; nothing more comes out then.</returns>
    public bool Next(FrameBatch batch)
    {
        if (!_sound)
        {
            return false;
        }

        if (_whole)
        {
            _pieces++;
            var whole = batch.Add(_frame);
            if (whole >= 0)
            {
                batch[whole].Offload = _offload;
            }

            return whole >= 0;
        }

        var payload = Math.Min(_offload.SegmentBytes, _end - _position);
        var piece = batch.Reserve(_payloadOffset + payload);
        if (piece.IsEmpty)
        {
            return false;
        }

        _frame[.._payloadOffset].CopyTo(piece);
        _frame.Slice(_position, payload).CopyTo(piece[_payloadOffset..]);
        WriteNetwork(piece);
        WriteTransport(piece, payload);
        batch.Commit(piece.Length, new FrameOffload(false, 0, 0, SegmentationKind.None, 0, ChecksumValid: true));
        _position += payload;
        _pieces++;
        return true;
    }

    private readonly void WriteNetwork(Span<byte> piece)
    {
        var packet = piece[_networkOffset..];
        if (!_isIPv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
            return;
        }

        var headerBytes = (packet[0] & 0xF) * 4;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) + _pieces));
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~Checksum.Sum(packet[..headerBytes]));
    }

    private readonly void WriteTransport(Span<byte> piece, int payload)
    {
        var segment = piece[_transportOffset..];
        var isTcp = _offload.Segmentation != SegmentationKind.Udp;
        if (isTcp)
        {
            var sequence = BinaryPrimitives.ReadUInt32BigEndian(segment[4..]) + (uint)(_position - _payloadOffset);
            BinaryPrimitives.WriteUInt32BigEndian(segment[4..], sequence);
            if (_position + payload < _end)
            {
                segment[13] &= unchecked((byte)~TcpFinPush);
            }

            if (_pieces > 0)
            {
                // RFC 3168 6.1.2: told once per reduction.
                segment[13] &= unchecked((byte)~TcpCongestionWindowReduced);
            }
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(segment[4..], (ushort)segment.Length);
        }

        // The pseudo header of RFC 9293 3.1, RFC 768 and RFC 8200 8.1: both addresses, protocol, length.
        var field = isTcp ? 16 : 6;
        var addresses = _isIPv4 ? piece.Slice(_networkOffset + 12, 8) : piece.Slice(_networkOffset + 8, 32);
        var pseudo = Checksum.Sum(addresses, (ulong)(isTcp ? 6 : 17) + (ulong)segment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(segment[field..], pseudo);
        Checksum.Complete(piece, _transportOffset, field);
    }
}
