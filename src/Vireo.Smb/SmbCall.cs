using System.Buffers;

namespace Vireo.Smb;

/// <summary>Takes what it needs from an answer, on the thread that receives; the bytes are gone afterwards.</summary>
/// <param name="status">What the server says.</param>
/// <param name="message">The whole answer.</param>
/// <returns>What the caller is told.</returns>
internal delegate NtStatus SmbAnswerReader(NtStatus status, ReadOnlySpan<byte> message);

/// <summary>One request until its answer, or until the connection is lost.</summary>
internal sealed class SmbCall
{
    /// <summary>Room before a message: four bytes for the length of a frame, and what goes before an encrypted one.</summary>
    public const int RoomBytes = 4 + Security.SmbCipher.HeaderBytes;

    /// <summary>Bytes before the data of a write. [MS-SMB2] 2.2.21.</summary>
    public const int WriteHeaderBytes = 48;

    private const int BytesOfCredit = 64 << 10;
    private readonly TaskCompletionSource<NtStatus> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SmbAnswerReader? _reader;
    private byte[]? _frame;

    /// <summary>A request with a body of <paramref name="bodyBytes"/> bytes of zeros.</summary>
    /// <param name="command">What.</param>
    /// <param name="bodyBytes">Behind the header.</param>
    /// <param name="answerBytes">Data that the answer may have; what a request costs depends on the larger.</param>
    /// <param name="reader">Takes what is needed from the answer.</param>
    public SmbCall(SmbCommand command, int bodyBytes, int answerBytes, SmbAnswerReader? reader)
    {
        (Command, _reader) = (command, reader);
        MessageBytes = SmbHeader.Bytes + bodyBytes;

        // [MS-SMB2] 3.1.5.2. No body has a shorter fixed part before its data than a write.
        Charge = 1 + ((Math.Max(Math.Max(bodyBytes - WriteHeaderBytes, answerBytes), 1) - 1) / BytesOfCredit);
        _frame = ArrayPool<byte>.Shared.Rent(RoomBytes + MessageBytes);
        _frame.AsSpan(0, Math.Min(_frame.Length, RoomBytes + SmbHeader.Bytes + 128)).Clear();
    }

    /// <summary>What.</summary>
    public SmbCommand Command { get; }

    /// <summary>Header and body.</summary>
    public int MessageBytes { get; }

    /// <summary>What it costs, in credits and in numbers of messages.</summary>
    public int Charge { get; }

    /// <summary>Ends when the answer is there, or never will be.</summary>
    public Task<NtStatus> Done => _done.Task;

    /// <summary>The body, to be filled in before the request is submitted.</summary>
    public Span<byte> Body => _frame.AsSpan(RoomBytes + SmbHeader.Bytes, MessageBytes - SmbHeader.Bytes);

    /// <summary>Room and message.</summary>
    public byte[] Frame => _frame!;

    /// <summary>The frame has been sent. Only the thread that sends says so: one that has failed may still be in its hands, and is left to the collector.</summary>
    public void GiveBack()
    {
        if (Interlocked.Exchange(ref _frame, null) is { } frame)
        {
            ArrayPool<byte>.Shared.Return(frame);
        }
    }

    /// <summary>The answer has come.</summary>
    public void Answer(NtStatus status, ReadOnlySpan<byte> message) => _done.TrySetResult(_reader is null ? status : _reader(status, message));

    /// <summary>No answer will come.</summary>
    public void Fail(NtStatus status) => _done.TrySetResult(status);
}
