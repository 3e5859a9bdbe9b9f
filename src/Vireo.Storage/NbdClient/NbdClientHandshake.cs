using System.Buffers.Binary;
using System.Security.Authentication;
using System.Text;
using Vireo.Storage.FrontEnds.Nbd;

namespace Vireo.Storage.NbdClient;

/// <summary>
/// The client's part of the handshake (NetworkBlockDevice/nbd, doc/proto.md, "Fixed newstyle negotiation"): TLS when the address asks for it,
/// structured replies and block status when the server has them, then the export.
/// </summary>
/// <param name="address">The server and the export.</param>
/// <param name="certificates">For TLS.</param>
/// <param name="isSimple">Leaves out structured replies and what needs them: for the kernel, which does not know them.</param>
internal sealed class NbdClientHandshake(NbdAddress address, TlsFolder? certificates, bool isSimple = false)
{
    private const int PreambleBytes = 18;
    private const int OptionReplyBytes = 20;
    private const ushort BlockSizeInfo = (ushort)NbdInfo.BlockSize;
    private const uint ErrorBit = 0x80000000;
    private readonly byte[] _head = new byte[OptionReplyBytes];
    private Stream _stream = Stream.Null;

    /// <summary>Speaks with the server; the answer's stream is the one to go on with.</summary>
    /// <exception cref="NbdClientException">The server is refused or refuses.</exception>
    public async Task<(Stream Stream, NbdServerExport Export)> RunAsync(Stream stream, CancellationToken cancellationToken)
    {
        _stream = stream;
        var preamble = new byte[PreambleBytes];
        await _stream.ReadExactlyAsync(preamble, cancellationToken).ConfigureAwait(false);
        var flags = BinaryPrimitives.ReadUInt16BigEndian(preamble.AsSpan(16));
        if (BinaryPrimitives.ReadUInt64BigEndian(preamble) != NbdProtocol.ServerMagic
            || BinaryPrimitives.ReadUInt64BigEndian(preamble.AsSpan(8)) != NbdProtocol.OptionMagic
            || (flags & NbdProtocol.FixedNewstyle) == 0)
        {
            throw Broken("it does not speak the fixed newstyle protocol");
        }

        var answer = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)(flags & (NbdProtocol.FixedNewstyle | NbdProtocol.NoZeroes)));
        await _stream.WriteAsync(answer, cancellationToken).ConfigureAwait(false);
        if (address.IsTls)
        {
            await StartTlsAsync(cancellationToken).ConfigureAwait(false);
        }

        var isStructured = !isSimple && (await AskAsync(NbdOption.StructuredReply, [], null, cancellationToken).ConfigureAwait(false)) == NbdOptionReply.Ack;
        var context = isStructured ? await AskForAllocationAsync(cancellationToken).ConfigureAwait(false) : null;
        return (_stream, await GoAsync(isStructured, context, cancellationToken).ConfigureAwait(false));
    }

    private async Task StartTlsAsync(CancellationToken cancellationToken)
    {
        var answer = await AskAsync(NbdOption.StartTls, [], null, cancellationToken).ConfigureAwait(false);
        if (answer != NbdOptionReply.Ack)
        {
            throw Broken("it offers no TLS; give it certificates or use an address without TLS");
        }

        try
        {
            _stream = await certificates!.ConnectAsync(_stream, address.TlsHostName, cancellationToken).ConfigureAwait(false);
        }
        catch (AuthenticationException exception)
        {
            throw new NbdClientException($"The NBD server '{address}' is refused: {exception.Message} Check that both sides have certificates of the same authority and that the server's names '{address.TlsHostName}'.", exception);
        }
    }

    private async Task<uint?> AskForAllocationAsync(CancellationToken cancellationToken)
    {
        var name = Encoding.UTF8.GetBytes(address.ExportName);
        var query = Encoding.UTF8.GetBytes(NbdMetaContext.Allocation);
        var body = new byte[4 + name.Length + 4 + 4 + query.Length];
        BinaryPrimitives.WriteUInt32BigEndian(body, (uint)name.Length);
        name.CopyTo(body, 4);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(4 + name.Length), 1);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(8 + name.Length), (uint)query.Length);
        query.CopyTo(body, 12 + name.Length);
        uint? context = null;
        await AskAsync(
            NbdOption.SetMetaContext,
            body,
            (type, payload) => context = type == NbdOptionReply.MetaContext && payload.Length >= 4 && payload.AsSpan(4).SequenceEqual(query)
                ? BinaryPrimitives.ReadUInt32BigEndian(payload)
                : context,
            cancellationToken).ConfigureAwait(false);
        return context;
    }

    private async Task<NbdServerExport> GoAsync(bool isStructured, uint? context, CancellationToken cancellationToken)
    {
        var name = Encoding.UTF8.GetBytes(address.ExportName);
        var body = new byte[4 + name.Length + 2 + 2];
        BinaryPrimitives.WriteUInt32BigEndian(body, (uint)name.Length);
        name.CopyTo(body, 4);
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(4 + name.Length), 1);
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(6 + name.Length), BlockSizeInfo);
        NbdServerExport? export = null;
        (uint Minimum, uint Preferred, uint Maximum) sizes = (1, 4096, NbdProtocol.MaximumPayloadBytes);
        var refusal = string.Empty;
        var answer = await AskAsync(NbdOption.Go, body, Read, cancellationToken).ConfigureAwait(false);
        if (answer != NbdOptionReply.Ack || export is null)
        {
            throw Broken($"it does not give out the export '{address.ExportName}' ({answer}){(refusal.Length > 0 ? ": " + refusal : string.Empty)}");
        }

        if (export.SizeBytes < 0 || sizes.Minimum is 0 or > 4096 || (sizes.Minimum & (sizes.Minimum - 1)) != 0 || sizes.Maximum < 65536)
        {
            throw Broken($"its export has {export.SizeBytes} bytes in blocks of {sizes.Minimum} to {sizes.Maximum}, which cannot be used");
        }

        return export with
        {
            MinimumBlockBytes = (int)sizes.Minimum,
            PreferredBlockBytes = (int)Math.Clamp(sizes.Preferred, 512, 4096),
            MaximumPayloadBytes = (int)Math.Min(sizes.Maximum, NbdProtocol.MaximumPayloadBytes),
        };

        void Read(NbdOptionReply type, byte[] payload)
        {
            if (((uint)type & ErrorBit) != 0)
            {
                refusal = Encoding.UTF8.GetString(payload, 0, Math.Min(payload.Length, 200));
            }
            else if (type == NbdOptionReply.Info && payload.Length >= 2)
            {
                switch ((NbdInfo)BinaryPrimitives.ReadUInt16BigEndian(payload))
                {
                    case NbdInfo.Export when payload.Length == 12:
                        export = new NbdServerExport(
                            (long)BinaryPrimitives.ReadUInt64BigEndian(payload.AsSpan(2)), (NbdExportFlags)BinaryPrimitives.ReadUInt16BigEndian(payload.AsSpan(10)), 1, 4096, 0, isStructured, context);
                        break;
                    case NbdInfo.BlockSize when payload.Length == 14:
                        sizes = (BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(2)), BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(6)), BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(10)));
                        break;
                }
            }
        }
    }

    // Sends an option and reads its replies up to the last, an ACK or an error.
    private async Task<NbdOptionReply> AskAsync(NbdOption option, byte[] body, Action<NbdOptionReply, byte[]>? each, CancellationToken cancellationToken)
    {
        var request = new byte[16 + body.Length];
        BinaryPrimitives.WriteUInt64BigEndian(request, NbdProtocol.OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(12), (uint)body.Length);
        body.CopyTo(request, 16);
        await _stream.WriteAsync(request, cancellationToken).ConfigureAwait(false);
        for (var replies = 0; replies < 1000; replies++)
        {
            await _stream.ReadExactlyAsync(_head, cancellationToken).ConfigureAwait(false);
            var type = (NbdOptionReply)BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(12));
            var lengthBytes = BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(16));
            if (BinaryPrimitives.ReadUInt64BigEndian(_head) != NbdProtocol.OptionReplyMagic || BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(8)) != (uint)option
                || lengthBytes > NbdProtocol.MaximumOptionBytes)
            {
                throw Broken($"its answer to option {option} is no answer");
            }

            var payload = new byte[lengthBytes];
            await _stream.ReadExactlyAsync(payload, cancellationToken).ConfigureAwait(false);
            each?.Invoke(type, payload);
            if (type == NbdOptionReply.Ack || ((uint)type & ErrorBit) != 0)
            {
                return type;
            }
        }

        throw Broken($"its answer to option {option} does not end");
    }

    private NbdClientException Broken(string what) => new($"The NBD server '{address}' is refused: {what}.");
}
