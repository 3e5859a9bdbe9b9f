using System.Buffers.Binary;
using System.Text;
using Vireo.Platform.Memory;

namespace Vireo.Smb;

/// <summary>
/// An open file on a share. Calls come from any thread, several at once, and never wait; what they are given stays the caller's until they end. When the
/// connection is lost, whatever has no answer ends with <see cref="SmbResult.Lost"/>: it may have been done.
/// </summary>
public sealed class SmbFile
{
    private const uint SetSparse = 0x000900C4; // FSCTL_SET_SPARSE
    private const uint SetZeroData = 0x000980C8; // FSCTL_SET_ZERO_DATA
    private const uint QueryAllocatedRanges = 0x000940CF; // FSCTL_QUERY_ALLOCATED_RANGES
    private const uint RequestResumeKey = 0x00140078; // FSCTL_SRV_REQUEST_RESUME_KEY
    private const uint CopyChunk = 0x001480F2; // FSCTL_SRV_COPYCHUNK_WRITE
    private const int CopyKeyBytes = 24;
    private const int ChunkBytes = 1 << 20;
    private const byte RenameInformation = 10; // [MS-FSCC] 2.4.37
    private const byte DispositionInformation = 13; // [MS-FSCC] 2.4.11
    private const byte EndOfFileInformation = 20; // [MS-FSCC] 2.4.13
    private readonly SmbShare _share;
    private readonly ulong _persistent;
    private readonly ulong _volatile;

    internal SmbFile(SmbShare share, CreateAnswer answer)
    {
        (_share, _persistent, _volatile) = (share, answer.Persistent, answer.Volatile);
        (LengthBytes, IsFolder) = (answer.LengthBytes, answer.IsFolder);
    }

    /// <summary>Bytes that a server copies with one request at most: what servers allow by themselves. [MS-SMB2] 3.3.3.</summary>
    public const int CopyBytes = 16 * ChunkBytes;

    /// <summary>Length when it was opened.</summary>
    public long LengthBytes { get; }

    /// <summary>Whether it is a folder.</summary>
    public bool IsFolder { get; }

    /// <summary>Reads at most <see cref="SmbShare.TransferBytes"/> bytes into a part of <paramref name="segments"/>; what lies behind the end of the file becomes zeros.</summary>
    /// <returns>How it ended, and how many of the bytes were in the file.</returns>
    public ValueTask<(SmbResult Result, int Bytes)> ReadAsync(long offsetBytes, ReadOnlyMemory<IoSegment> segments, int start, int lengthBytes) =>
        ReadAsync(offsetBytes, lengthBytes, data =>
        {
            if (data.Length > 0)
            {
                SegmentWindow.CopyTo(data, segments.Span, start);
            }

            if (data.Length < lengthBytes)
            {
                SegmentWindow.Clear(segments.Span, start + data.Length, lengthBytes - data.Length);
            }

            return NtStatus.Success;
        });

    /// <summary>Reads at most <see cref="SmbShare.TransferBytes"/> bytes; what lies behind the end of the file becomes zeros.</summary>
    /// <returns>How it ended, and how many of the bytes were in the file.</returns>
    public ValueTask<(SmbResult Result, int Bytes)> ReadAsync(long offsetBytes, Memory<byte> target) =>
        ReadAsync(offsetBytes, target.Length, data =>
        {
            data.CopyTo(target.Span);
            target.Span[data.Length..].Clear();
            return NtStatus.Success;
        });

    /// <summary>Writes at most <see cref="SmbShare.TransferBytes"/> bytes from a part of <paramref name="segments"/>, all or with an error.</summary>
    public async ValueTask<SmbResult> WriteAsync(long offsetBytes, ReadOnlyMemory<IoSegment> segments, int start, int lengthBytes)
    {
        var call = WriteCall(offsetBytes, lengthBytes);
        SegmentWindow.CopyFrom(segments.Span, start, call.Body[SmbCall.WriteHeaderBytes..]);
        return ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false));
    }

    /// <summary>Writes at most <see cref="SmbShare.TransferBytes"/> bytes, all or with an error.</summary>
    public async ValueTask<SmbResult> WriteAsync(long offsetBytes, ReadOnlyMemory<byte> source)
    {
        var call = WriteCall(offsetBytes, source.Length);
        source.Span.CopyTo(call.Body[SmbCall.WriteHeaderBytes..]);
        return ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false));
    }

    /// <summary>Has the server make durable what it has answered. [MS-SMB2] 2.2.17.</summary>
    public async ValueTask<SmbResult> FlushAsync()
    {
        var call = new SmbCall(SmbCommand.Flush, 24, 0, null);
        call.Body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(call.Body, 24);
        WriteHandle(call.Body[8..]);
        return ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false));
    }

    /// <summary>Sets the length; new bytes are zeros.</summary>
    public ValueTask<SmbResult> SetLengthAsync(long lengthBytes)
    {
        var information = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(information, lengthBytes);
        return SetAsync(EndOfFileInformation, information);
    }

    /// <summary>Gives the file another name in the same share, never over one that is there.</summary>
    public ValueTask<SmbResult> RenameAsync(string name)
    {
        var text = Encoding.Unicode.GetBytes(name);

        // Servers want as many bytes as the smallest structure has.
        var information = new byte[Math.Max(20 + text.Length, 24)];
        BinaryPrimitives.WriteInt32LittleEndian(information.AsSpan(16), text.Length);
        text.CopyTo(information, 20);
        return SetAsync(RenameInformation, information);
    }

    /// <summary>Removes the file when it is closed.</summary>
    public ValueTask<SmbResult> DeleteAsync() => SetAsync(DispositionInformation, [1]);

    /// <summary>Lets the file have holes.</summary>
    public async ValueTask<SmbResult> MakeSparseAsync() =>
        ToResult(await _share.Connection.SubmitAsync(Control(SetSparse, _persistent, _volatile, [1], 0, static _ => NtStatus.Success)).ConfigureAwait(false));

    /// <summary>Makes a range zeros; of a file that may have holes the server gives the storage back.</summary>
    public async ValueTask<SmbResult> ZeroAsync(long offsetBytes, long lengthBytes)
    {
        var input = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(input, offsetBytes);
        BinaryPrimitives.WriteInt64LittleEndian(input.AsSpan(8), offsetBytes + lengthBytes);
        return ToResult(await _share.Connection.SubmitAsync(Control(SetZeroData, _persistent, _volatile, input, 0, static _ => NtStatus.Success)).ConfigureAwait(false));
    }

    /// <summary>The first run of storage in a range; null where there is none.</summary>
    public async ValueTask<(SmbResult Result, (long Offset, long Length)? Run)> FindDataAsync(long offsetBytes, long lengthBytes)
    {
        (long, long)? run = null;
        var input = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(input, offsetBytes);
        BinaryPrimitives.WriteInt64LittleEndian(input.AsSpan(8), lengthBytes);
        var call = Control(QueryAllocatedRanges, _persistent, _volatile, input, 1024, data => AllocatedRanges.TryParse(data, offsetBytes, out run) ? NtStatus.Success : NtStatus.BadAnswer);
        return (ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false)), run);
    }

    /// <summary>What the server calls the open file when it is to copy from it. [MS-SMB2] 2.2.32.3.</summary>
    public async ValueTask<(SmbResult Result, byte[] Key)> RequestCopyKeyAsync()
    {
        var key = new byte[CopyKeyBytes];
        var call = Control(RequestResumeKey, _persistent, _volatile, [], CopyKeyBytes + 8, data =>
        {
            if (data.Length < CopyKeyBytes)
            {
                return NtStatus.BadAnswer;
            }

            data[..CopyKeyBytes].CopyTo(key);
            return NtStatus.Success;
        });
        return (ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false)), key);
    }

    /// <summary>Has the server copy at most <see cref="CopyBytes"/> bytes from a file that is open over the same connection. [MS-SMB2] 2.2.31.1.</summary>
    /// <param name="key">From <see cref="RequestCopyKeyAsync"/> of that file.</param>
    /// <param name="sourceOffset">First byte there.</param>
    /// <param name="offsetBytes">First byte here.</param>
    /// <param name="lengthBytes">How many; they lie within that file.</param>
    /// <returns>How it ended; when it failed, a part may have been copied.</returns>
    public async ValueTask<SmbResult> CopyFromAsync(byte[] key, long sourceOffset, long offsetBytes, int lengthBytes)
    {
        const int headerBytes = 32;
        const int entryBytes = 24;
        var chunks = (lengthBytes + ChunkBytes - 1) / ChunkBytes;
        var input = new byte[headerBytes + (entryBytes * chunks)];
        key.CopyTo(input, 0);
        BinaryPrimitives.WriteInt32LittleEndian(input.AsSpan(CopyKeyBytes), chunks);
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            var entry = input.AsSpan(headerBytes + (entryBytes * chunk));
            var start = chunk * ChunkBytes;
            BinaryPrimitives.WriteInt64LittleEndian(entry, sourceOffset + start);
            BinaryPrimitives.WriteInt64LittleEndian(entry[8..], offsetBytes + start);
            BinaryPrimitives.WriteInt32LittleEndian(entry[16..], Math.Min(ChunkBytes, lengthBytes - start));
        }

        // SRV_COPYCHUNK_RESPONSE: chunks written, bytes of a chunk that was not written whole, bytes in all. [MS-SMB2] 2.2.32.1.
        var call = Control(CopyChunk, _persistent, _volatile, input, 12, data =>
            data.Length >= 12 && BinaryPrimitives.ReadInt32LittleEndian(data[8..]) == lengthBytes ? NtStatus.Success : NtStatus.BadAnswer);
        return ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false));
    }

    /// <summary>Closes the file and waits until it is; a server that went away has closed it too.</summary>
    public void Close()
    {
        var call = new SmbCall(SmbCommand.Close, 24, 0, null);
        call.Body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(call.Body, 24);
        WriteHandle(call.Body[8..]);
        _ = _share.Connection.SubmitAsync(call).GetAwaiter().GetResult();
    }

    /// <summary>A control request. [MS-SMB2] 2.2.31.</summary>
    internal static SmbCall Control(uint code, ulong persistent, ulong @volatile, byte[] input, int outputBytes, SmbData read)
    {
        const int bodyBytes = 56;
        var call = new SmbCall(SmbCommand.Ioctl, bodyBytes + Math.Max(input.Length, 1), outputBytes, (status, message) =>
            status is not (NtStatus.Success or NtStatus.BufferOverflow) ? status
            : SmbPayload.TryParse(message, SmbCommand.Ioctl, out var range) ? read(message[range]) : NtStatus.BadAnswer);
        var body = call.Body;
        body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, 57);
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], code);
        BinaryPrimitives.WriteUInt64LittleEndian(body[8..], persistent);
        BinaryPrimitives.WriteUInt64LittleEndian(body[16..], @volatile);
        BinaryPrimitives.WriteInt32LittleEndian(body[24..], SmbHeader.Bytes + bodyBytes);
        BinaryPrimitives.WriteInt32LittleEndian(body[28..], input.Length);
        BinaryPrimitives.WriteInt32LittleEndian(body[44..], outputBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(body[48..], 1); // SMB2_0_IOCTL_IS_FSCTL
        input.CopyTo(body[bodyBytes..]);
        return call;
    }

    // An answer may be shorter than what was asked for only at the end of the file, so what is missing is behind it.
    private async ValueTask<(SmbResult Result, int Bytes)> ReadAsync(long offsetBytes, int lengthBytes, SmbData take)
    {
        var bytes = 0;
        var call = new SmbCall(SmbCommand.Read, 49, lengthBytes, (status, message) =>
        {
            if (status == NtStatus.EndOfFile)
            {
                return take([]);
            }

            if (status != NtStatus.Success)
            {
                return status;
            }

            if (!SmbPayload.TryParse(message, SmbCommand.Read, out var range) || message[range].Length > lengthBytes)
            {
                return NtStatus.BadAnswer;
            }

            bytes = message[range].Length;
            return take(message[range]);
        });
        Fill(call.Body);
        return (ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false)), bytes);

        void Fill(Span<byte> body)
        {
            body.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(body, 49);
            body[2] = SmbHeader.Bytes + 16; // where the answer's data are wanted
            BinaryPrimitives.WriteInt32LittleEndian(body[4..], lengthBytes);
            BinaryPrimitives.WriteInt64LittleEndian(body[8..], offsetBytes);
            WriteHandle(body[16..]);
        }
    }

    private SmbCall WriteCall(long offsetBytes, int lengthBytes)
    {
        var call = new SmbCall(SmbCommand.Write, SmbCall.WriteHeaderBytes + lengthBytes, 0, (status, message) =>
            status == NtStatus.Success && (message.Length < SmbHeader.Bytes + 16 || BinaryPrimitives.ReadInt32LittleEndian(message[(SmbHeader.Bytes + 4)..]) != lengthBytes)
                ? NtStatus.BadAnswer
                : status);
        var body = call.Body;
        body[..SmbCall.WriteHeaderBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, 49);
        BinaryPrimitives.WriteUInt16LittleEndian(body[2..], SmbHeader.Bytes + SmbCall.WriteHeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(body[4..], lengthBytes);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], offsetBytes);
        WriteHandle(body[16..]);
        return call;
    }

    // [MS-SMB2] 2.2.39.
    private async ValueTask<SmbResult> SetAsync(byte information, byte[] content)
    {
        const int bodyBytes = 32;
        var call = new SmbCall(SmbCommand.SetInfo, bodyBytes + content.Length, 0, null);
        Fill(call.Body);
        return ToResult(await _share.Connection.SubmitAsync(call).ConfigureAwait(false));

        void Fill(Span<byte> body)
        {
            body.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(body, 33);
            body[2] = 1; // SMB2_0_INFO_FILE
            body[3] = information;
            BinaryPrimitives.WriteInt32LittleEndian(body[4..], content.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(body[8..], SmbHeader.Bytes + bodyBytes);
            WriteHandle(body[16..]);
            content.CopyTo(body[bodyBytes..]);
        }
    }

    private void WriteHandle(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target, _persistent);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], _volatile);
    }

    private static SmbResult ToResult(NtStatus status) => status switch
    {
        NtStatus.Success => SmbResult.Ok,

        // The server has forgotten the session, the share or the file: as good as a lost connection.
        NtStatus.ConnectionLost or NtStatus.UserSessionDeleted or NtStatus.NetworkSessionExpired or NtStatus.NetworkNameDeleted or NtStatus.FileClosed or NtStatus.InvalidHandle => SmbResult.Lost,
        NtStatus.DiskFull or NtStatus.QuotaExceeded => SmbResult.NoSpace,
        NtStatus.NotSupported or NtStatus.InvalidDeviceRequest => SmbResult.NotSupported,
        NtStatus.ObjectNameCollision => SmbResult.Exists,
        _ => SmbResult.Failed,
    };
}

/// <summary>Looks at data in an answer.</summary>
internal delegate NtStatus SmbData(ReadOnlySpan<byte> data);

/// <summary>How a request for an open file ended.</summary>
public enum SmbResult
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>The connection was lost, and the file with it; the request may have been done.</summary>
    Lost,

    /// <summary>The share is full.</summary>
    NoSpace,

    /// <summary>The server does not have it.</summary>
    NotSupported,

    /// <summary>A file of that name is there already.</summary>
    Exists,

    /// <summary>Anything else.</summary>
    Failed,
}
