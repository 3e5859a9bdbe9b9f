using System.Buffers.Binary;
using System.Text;

namespace Vireo.Switch.Tracing;

/// <summary>
/// Writes frames into a file that Wireshark opens (draft-ietf-opsawg-pcapng): every port is an interface, every frame carries its direction and
/// a comment.
/// </summary>
internal sealed class PcapngWriter : IDisposable
{
    private const uint SectionHeader = 0x0A0D_0D0A;
    private const uint InterfaceDescription = 1;
    private const uint EnhancedPacket = 6;
    private const ushort CommentOption = 1;
    private const ushort NameOption = 2;
    private const ushort FlagsOption = 2;
    private const ushort ApplicationOption = 4;
    private const ushort ResolutionOption = 9;
    private const int CommentBytesMax = 1024;
    private readonly Stream _file;
    private readonly Dictionary<string, uint> _interfaces = new(StringComparer.Ordinal);
    private readonly byte[] _head = new byte[28];

    /// <summary>Begins a file.</summary>
    public PcapngWriter(Stream file)
    {
        _file = file;
        Span<byte> body = stackalloc byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(body, 0x1A2B_3C4D);
        BinaryPrimitives.WriteUInt16LittleEndian(body[4..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(body[6..], 0);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], -1);
        WriteBlock(SectionHeader, body, [], Options((ApplicationOption, "Vireo"u8.ToArray())));
    }

    /// <summary>Bytes written.</summary>
    public long Length { get; private set; }

    /// <summary>Writes a frame.</summary>
    /// <param name="port">Name of the interface.</param>
    /// <param name="isInbound">From the port into the switch.</param>
    /// <param name="time">When.</param>
    /// <param name="bytes">As many as are kept.</param>
    /// <param name="length">How many there were.</param>
    /// <param name="comment">What became of it.</param>
    public void Write(string port, bool isInbound, DateTimeOffset time, ReadOnlySpan<byte> bytes, int length, string comment)
    {
        if (!_interfaces.TryGetValue(port, out var number))
        {
            number = (uint)_interfaces.Count;
            _interfaces.Add(port, number);
            Span<byte> description = stackalloc byte[8];
            description.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(description, 1);
            WriteBlock(InterfaceDescription, description, [], Options((NameOption, Encoding.UTF8.GetBytes(port)), (ResolutionOption, [9])));
        }

        var head = _head.AsSpan(0, 20);
        var nanoseconds = (ulong)(time - DateTimeOffset.UnixEpoch).Ticks * 100;
        BinaryPrimitives.WriteUInt32LittleEndian(head, number);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], (uint)(nanoseconds >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], (uint)nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(head[12..], (uint)bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[16..], (uint)Math.Max(length, bytes.Length));
        var text = Encoding.UTF8.GetBytes(comment);
        var flags = new byte[4];
        flags[0] = isInbound ? (byte)1 : (byte)2;
        WriteBlock(EnhancedPacket, head, bytes, Options((CommentOption, text.Length > CommentBytesMax ? text[..CommentBytesMax] : text), (FlagsOption, flags)));
    }

    /// <summary>Hands what was written to the kernel.</summary>
    public void Flush() => _file.Flush();

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static byte[] Options(params (ushort Code, byte[] Value)[] options)
    {
        using var all = new MemoryStream();
        Span<byte> head = stackalloc byte[4];
        foreach (var (code, value) in options)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(head, code);
            BinaryPrimitives.WriteUInt16LittleEndian(head[2..], (ushort)value.Length);
            all.Write(head);
            all.Write(value);
            Pad(all, value.Length);
        }

        head.Clear();
        all.Write(head);
        return all.ToArray();
    }

    private void WriteBlock(uint type, ReadOnlySpan<byte> body, ReadOnlySpan<byte> frame, ReadOnlySpan<byte> options)
    {
        Span<byte> word = stackalloc byte[4];
        var padding = -frame.Length & 3;
        var length = 12 + body.Length + frame.Length + padding + options.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(word, type);
        _file.Write(word);
        BinaryPrimitives.WriteInt32LittleEndian(word, length);
        _file.Write(word);
        _file.Write(body);
        _file.Write(frame);
        Pad(_file, frame.Length);
        _file.Write(options);
        _file.Write(word);
        Length += length;
    }

    private static void Pad(Stream to, int written)
    {
        ReadOnlySpan<byte> zeros = [0, 0, 0];
        to.Write(zeros[..(-written & 3)]);
    }
}
