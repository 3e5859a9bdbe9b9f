using System.Buffers.Binary;
using System.Text;
using Vireo.Storage.NbdClient;

namespace Vireo.Storage.FrontEnds.Nbd;

/// <summary>What a handshake settled.</summary>
/// <param name="HasStructuredReplies">Replies come in chunks that say their kind.</param>
/// <param name="Contexts">What may be asked about ranges.</param>
internal sealed record NbdSession(bool HasStructuredReplies, IReadOnlyList<NbdMetaContext> Contexts);

/// <summary>
/// The fixed newstyle handshake. There is one export, whose name is empty. An option that is not known, or whose payload lies, is
/// refused and the client may go on; one that is too long ends the connection. NBD "Newstyle negotiation". With certificates nothing is told
/// before the connection is encrypted (FORCEDTLS), and nothing at all to a client without the name that is expected.
/// </summary>
internal sealed class NbdHandshake(Stream stream, NbdExport export, TlsFolder? certificates = null, string? peer = null)
{
    private const int MaximumOptions = 256;
    private const int OptionHeadBytes = 16;
    private Stream _stream = stream;
    private bool _isOpen = certificates is null;
    private bool _structuredReplies;
    private List<NbdMetaContext> _contexts = [];

    /// <summary>The stream to go on with: another one after TLS was begun.</summary>
    public Stream Stream => _stream;

    /// <summary>Runs to the start of transmission; null when the client leaves or cannot be understood.</summary>
    public async Task<NbdSession?> RunAsync(CancellationToken cancellationToken)
    {
        var greeting = new byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(greeting, NbdProtocol.ServerMagic);
        BinaryPrimitives.WriteUInt64BigEndian(greeting.AsSpan(8), NbdProtocol.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(greeting.AsSpan(16), NbdProtocol.FixedNewstyle | NbdProtocol.NoZeroes);
        await _stream.WriteAsync(greeting, cancellationToken).ConfigureAwait(false);
        var flags = new byte[4];
        if (!await _stream.TryFillAsync(flags, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var clientFlags = BinaryPrimitives.ReadUInt32BigEndian(flags);
        if ((clientFlags & ~(uint)(NbdProtocol.FixedNewstyle | NbdProtocol.NoZeroes)) != 0)
        {
            return null;
        }

        var head = new byte[OptionHeadBytes];
        for (var i = 0; i < MaximumOptions; i++)
        {
            if (!await _stream.TryFillAsync(head, cancellationToken).ConfigureAwait(false)
                || BinaryPrimitives.ReadUInt64BigEndian(head) != NbdProtocol.OptionMagic)
            {
                return null;
            }

            var option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8));
            var length = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12));
            if (length > NbdProtocol.MaximumOptionBytes)
            {
                await ReplyAsync(option, NbdOptionReply.TooBig, default, cancellationToken).ConfigureAwait(false);
                return null;
            }

            var payload = new byte[length];
            if (!await _stream.TryFillAsync(payload, cancellationToken).ConfigureAwait(false))
            {
                return null;
            }

            if (!_isOpen && option is not NbdOption.Abort)
            {
                if (option == NbdOption.ExportName)
                {
                    return null;
                }

                await SecureAsync(option, payload, cancellationToken).ConfigureAwait(false);
                continue;
            }

            switch (option)
            {
                case NbdOption.ExportName:
                    return payload.Length == 0 && await SendExportAsync((clientFlags & NbdProtocol.NoZeroes) != 0, cancellationToken).ConfigureAwait(false)
                        ? Session
                        : null;
                case NbdOption.Go when await AnswerInfoAsync(option, payload, cancellationToken).ConfigureAwait(false):
                    return Session;
                case NbdOption.Go:
                    break;
                case NbdOption.Abort:
                    await ReplyAsync(option, NbdOptionReply.Ack, default, cancellationToken).ConfigureAwait(false);
                    return null;
                default:
                    await AnswerAsync(option, payload, cancellationToken).ConfigureAwait(false);
                    break;
            }
        }

        return null;
    }

    private NbdSession Session => new(_structuredReplies, _contexts);

    private async Task SecureAsync(NbdOption option, byte[] payload, CancellationToken cancellationToken)
    {
        if (option != NbdOption.StartTls || payload.Length > 0)
        {
            await ReplyAsync(option, option == NbdOption.StartTls ? NbdOptionReply.Invalid : NbdOptionReply.TlsRequired, default, cancellationToken).ConfigureAwait(false);
            return;
        }

        await ReplyAsync(option, NbdOptionReply.Ack, default, cancellationToken).ConfigureAwait(false);
        _stream = await certificates!.AcceptAsync(_stream, peer, cancellationToken).ConfigureAwait(false);
        _isOpen = true;
    }

    private async Task AnswerAsync(NbdOption option, byte[] payload, CancellationToken cancellationToken)
    {
        switch (option)
        {
            case NbdOption.List when payload.Length == 0:
                await ReplyAsync(option, NbdOptionReply.Server, new byte[4], cancellationToken).ConfigureAwait(false);
                await ReplyAsync(option, NbdOptionReply.Ack, default, cancellationToken).ConfigureAwait(false);
                break;
            case NbdOption.StructuredReply when payload.Length == 0:
                _structuredReplies = true;
                await ReplyAsync(option, NbdOptionReply.Ack, default, cancellationToken).ConfigureAwait(false);
                break;
            case NbdOption.Info:
                await AnswerInfoAsync(option, payload, cancellationToken).ConfigureAwait(false);
                break;
            case NbdOption.ListMetaContext or NbdOption.SetMetaContext:
                await AnswerContextsAsync(option, payload, cancellationToken).ConfigureAwait(false);
                break;
            case NbdOption.List or NbdOption.StructuredReply:
                await ReplyAsync(option, NbdOptionReply.Invalid, default, cancellationToken).ConfigureAwait(false);
                break;
            default:
                await ReplyAsync(option, NbdOptionReply.Unsupported, default, cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private async Task<bool> SendExportAsync(bool noZeroes, CancellationToken cancellationToken)
    {
        var answer = new byte[noZeroes ? 10 : 134];
        BinaryPrimitives.WriteInt64BigEndian(answer, export.Geometry.SizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(8), (ushort)export.Flags(_structuredReplies));
        await _stream.WriteAsync(answer, cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> AnswerInfoAsync(NbdOption option, byte[] payload, CancellationToken cancellationToken)
    {
        if (NbdInfoRequest.TryParse(payload) is not { } request)
        {
            await ReplyAsync(option, NbdOptionReply.Invalid, default, cancellationToken).ConfigureAwait(false);
            return false;
        }

        if (request.ExportName.Length > 0)
        {
            await ReplyAsync(option, NbdOptionReply.Unknown, default, cancellationToken).ConfigureAwait(false);
            return false;
        }

        var size = new byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)NbdInfo.Export);
        BinaryPrimitives.WriteInt64BigEndian(size.AsSpan(2), export.Geometry.SizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(size.AsSpan(10), (ushort)export.Flags(_structuredReplies));
        await ReplyAsync(option, NbdOptionReply.Info, size, cancellationToken).ConfigureAwait(false);
        var blocks = new byte[14];
        BinaryPrimitives.WriteUInt16BigEndian(blocks, (ushort)NbdInfo.BlockSize);
        BinaryPrimitives.WriteInt32BigEndian(blocks.AsSpan(2), export.Geometry.LogicalSectorBytes);
        BinaryPrimitives.WriteInt32BigEndian(blocks.AsSpan(6), Math.Max(4096, export.Geometry.PhysicalSectorBytes));
        BinaryPrimitives.WriteInt32BigEndian(blocks.AsSpan(10), NbdProtocol.MaximumPayloadBytes);
        await ReplyAsync(option, NbdOptionReply.Info, blocks, cancellationToken).ConfigureAwait(false);
        await ReplyAsync(option, NbdOptionReply.Ack, default, cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async Task AnswerContextsAsync(NbdOption option, byte[] payload, CancellationToken cancellationToken)
    {
        var isSet = option == NbdOption.SetMetaContext;
        if (isSet)
        {
            _contexts = [];
        }

        if (NbdContextRequest.TryParse(payload) is not { } request || (isSet && !_structuredReplies))
        {
            await ReplyAsync(option, NbdOptionReply.Invalid, default, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (request.ExportName.Length > 0)
        {
            await ReplyAsync(option, NbdOptionReply.Unknown, default, cancellationToken).ConfigureAwait(false);
            return;
        }

        foreach (var context in export.Contexts)
        {
            // Listing without a query lists everything, and "base:" lists the namespace; setting takes exact names alone.
            var isWanted = request.Queries.Contains(context.Name, StringComparer.Ordinal)
                || (!isSet && (request.Queries.Count == 0 || request.Queries.Contains(context.Name[..(context.Name.IndexOf(':', StringComparison.Ordinal) + 1)], StringComparer.Ordinal)));
            if (!isWanted)
            {
                continue;
            }

            var name = Encoding.UTF8.GetBytes(context.Name);
            var answer = new byte[4 + name.Length];
            BinaryPrimitives.WriteInt32BigEndian(answer, isSet ? NbdMetaContext.IdOf(_contexts.Count) : 0);
            name.CopyTo(answer, 4);
            await ReplyAsync(option, NbdOptionReply.MetaContext, answer, cancellationToken).ConfigureAwait(false);
            if (isSet)
            {
                _contexts.Add(context);
            }
        }

        await ReplyAsync(option, NbdOptionReply.Ack, default, cancellationToken).ConfigureAwait(false);
    }

    private async Task ReplyAsync(NbdOption option, NbdOptionReply reply, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        var message = new byte[20 + payload.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, NbdProtocol.OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), (uint)reply);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(16), payload.Length);
        payload.CopyTo(message.AsMemory(20));
        await _stream.WriteAsync(message, cancellationToken).ConfigureAwait(false);
    }
}
