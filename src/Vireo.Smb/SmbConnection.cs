using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using Vireo.Smb.Security;

namespace Vireo.Smb;

/// <summary>
/// A connection to a file server: requests go out in the order in which they are submitted, as many at once as the server grants credits for, and answers
/// come in any order. [MS-SMB2] 2.1, 3.2.4.1, 3.2.5.1. A thread sends and one receives; callers never wait for the network. Whatever does not follow the protocol,
/// or is not signed or encrypted as agreed, ends the connection, and with it every request that has no answer.
/// </summary>
internal sealed class SmbConnection : IDisposable
{
    private const int LargestFrameBytes = 9 << 20;
    private const int SoughtCredits = 512;
    private const int StackBytes = 256 << 10;
    private const int AcknowledgementTimeout = 18; // TCP_USER_TIMEOUT
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(5);
    private readonly Socket _socket;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _time;
    private readonly Lock _ending = new();
    private readonly object _gate = new();
    private readonly Queue<SmbCall> _waiting = new();
    private readonly Dictionary<ulong, SmbCall> _sent = [];
    private readonly ITimer _watch;
    private int _credits = 1;
    private ulong _nextId;
    private bool _isEnded;
    private bool _isEchoing;
    private bool _isWatched;
    private long _heardAt;
    private SmbSigner? _outSigner;
    private SmbSigner? _inSigner;
    private SmbCipher? _cipher;
    private volatile bool _encrypts;
    private bool _isClosed;

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="socket">To the server.</param>
    /// <param name="patience">A server that has requests and says nothing for so long counts as lost.</param>
    /// <param name="time">The clock.</param>
    public SmbConnection(Socket socket, TimeSpan patience, TimeProvider time)
    {
        (_socket, _patience, _time) = (socket, patience, time);
        _socket.NoDelay = true;
        _socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, AcknowledgementTimeout, BitConverter.GetBytes((int)patience.TotalMilliseconds));
        _heardAt = time.GetTimestamp();
        _watch = time.CreateTimer(static state => ((SmbConnection)state!).Watch(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        new Thread(Send, StackBytes) { IsBackground = true, Name = "smb send" }.Start();
        new Thread(Receive, StackBytes) { IsBackground = true, Name = "smb receive" }.Start();
    }

    /// <summary>Number of the session; zero before there is one.</summary>
    public ulong SessionId { get; set; }

    /// <summary>Number of the share; zero before there is one.</summary>
    public uint TreeId { get; set; }

    /// <summary>Hash over what was said until the login. [MS-SMB2] 3.2.5.2.</summary>
    public byte[] PreauthHash { get; private set; } = new byte[64];

    /// <summary>Whether the connection can take requests.</summary>
    public bool IsUp
    {
        get
        {
            lock (_gate)
            {
                return !_isEnded && !_isClosed;
            }
        }
    }

    /// <summary>Sends a request when there is a credit for it.</summary>
    public Task<NtStatus> SubmitAsync(SmbCall call)
    {
        lock (_gate)
        {
            if (!_isEnded && !_isClosed)
            {
                _waiting.Enqueue(call);
                Monitor.PulseAll(_gate);
                return call.Done;
            }
        }

        call.Fail(NtStatus.ConnectionLost);
        return call.Done;
    }

    /// <summary>From now on messages are signed, and answers have to be. Called on the thread that receives, with the login's last answer in hand.</summary>
    public void UseKeys(SmbKeys keys, bool useGmac, SmbCipherId cipher)
    {
        lock (_gate)
        {
            (_outSigner, _inSigner) = (new SmbSigner(keys.Signing, useGmac), new SmbSigner(keys.Signing, useGmac));
            _cipher = cipher == SmbCipherId.None ? null : new SmbCipher(keys, cipher, SessionId);
        }
    }

    /// <summary>From now on everything is encrypted, and what is not is no answer.</summary>
    /// <returns>False when the server cannot.</returns>
    public bool TryEncrypt() => _encrypts = _cipher is not null;

    /// <summary>Ends the connection; requests without an answer fail.</summary>
    public void Dispose()
    {
        lock (_ending)
        {
            lock (_gate)
            {
                if (_isClosed)
                {
                    return;
                }

                _isClosed = true;
                Monitor.PulseAll(_gate);
            }

            _watch.Dispose();

            // Wakes both threads. The one that receives ends the requests, so that none ends while an answer to it is being copied.
            try
            {
                _socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // The server was first.
            }

            _socket.Close();
        }
    }

    private void Send()
    {
        try
        {
            while (Next() is { } call)
            {
                var frame = Seal(call);
                for (var sent = 0; sent < frame.Length;)
                {
                    sent += _socket.Send(frame[sent..], SocketFlags.None);
                }

                call.GiveBack();
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The connection is gone, which ends it here as well.
        }
        finally
        {
            Dispose();
        }
    }

    // The next request that there are credits for, with its number; null at the end.
    private SmbCall? Next()
    {
        lock (_gate)
        {
            while (!_isClosed && (_waiting.Count == 0 || _credits < _waiting.Peek().Charge))
            {
                if (_waiting.Count > 0 && _sent.Count == 0)
                {
                    // Credits come with answers, and there is none to come: nothing could ever be sent again. [MS-SMB2] 3.3.1.2 forbids that to servers.
                    return null;
                }

                Monitor.Wait(_gate);
            }

            if (_isClosed)
            {
                return null;
            }

            var call = _waiting.Dequeue();
            SmbHeader.Write(
                call.Frame.AsSpan(SmbCall.RoomBytes), call.Command, call.Charge, call.Charge + (_credits < SoughtCredits ? SoughtCredits - _credits : 0),
                _outSigner is not null && !_encrypts, _nextId, TreeId, SessionId);
            if (_sent.Count == 0)
            {
                _heardAt = _time.GetTimestamp();
            }

            if (!_isWatched)
            {
                _isWatched = _watch.Change(s_period, Timeout.InfiniteTimeSpan);
            }

            _sent.Add(_nextId, call);
            _credits -= call.Charge;
            _nextId += (ulong)call.Charge;
            return call;
        }
    }

    // Only the thread that sends uses what signs and encrypts here.
    private ReadOnlySpan<byte> Seal(SmbCall call)
    {
        var message = call.Frame.AsSpan(SmbCall.RoomBytes, call.MessageBytes);
        var begin = SmbCall.RoomBytes;
        if (_encrypts)
        {
            begin = SmbCall.RoomBytes - SmbCipher.HeaderBytes;
            _cipher!.Encrypt(call.Frame.AsSpan(begin, SmbCipher.HeaderBytes + message.Length));
        }
        else if (_outSigner is not null)
        {
            _outSigner.Sign(message);
        }
        else
        {
            AddToHash(message);
        }

        // [MS-SMB2] 2.1: a zero, and three bytes of length with the most significant first.
        var frame = call.Frame.AsSpan(begin - 4, SmbCall.RoomBytes + call.MessageBytes - begin + 4);
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        return frame;
    }

    private void Receive()
    {
        var failure = NtStatus.ConnectionLost;
        try
        {
            var buffer = new byte[64 << 10];
            var prefix = new byte[4];
            while (TryFill(prefix))
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(prefix);
                if (length is < SmbHeader.Bytes or > LargestFrameBytes)
                {
                    failure = NtStatus.BadAnswer;
                    break;
                }

                if (buffer.Length < length)
                {
                    buffer = new byte[length];
                }

                if (!TryFill(buffer.AsSpan(0, length)))
                {
                    break;
                }

                if (!TryTake(buffer.AsSpan(0, length)))
                {
                    failure = NtStatus.BadAnswer;
                    break;
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The connection is gone, which is what the requests are told.
        }
        finally
        {
            Dispose();
            End(failure);
        }
    }

    private bool TryFill(Span<byte> target)
    {
        while (!target.IsEmpty)
        {
            var received = _socket.Receive(target, SocketFlags.None);
            if (received == 0)
            {
                return false;
            }

            target = target[received..];
        }

        return true;
    }

    private bool TryTake(Span<byte> frame)
    {
        var wasEncrypted = SmbCipher.IsEncrypted(frame);
        if (wasEncrypted)
        {
            if (_cipher is null || !_cipher.TryDecrypt(frame))
            {
                return false;
            }

            frame = frame[SmbCipher.HeaderBytes..];
        }

        if (!SmbHeader.TryParse(frame, out var header) || (_encrypts && !wasEncrypted))
        {
            return false;
        }

        var isInterim = header.Status == NtStatus.Pending && (header.Flags & SmbHeader.FlagAsync) != 0;
        if (!wasEncrypted && !isInterim && _inSigner is not null && !_inSigner.Verify(frame))
        {
            return false;
        }

        SmbCall? call;
        lock (_gate)
        {
            _heardAt = _time.GetTimestamp();
            _credits = Math.Min(_credits + header.Credits, ushort.MaxValue);
            Monitor.PulseAll(_gate);
            if (!_sent.TryGetValue(header.MessageId, out call) || call.Command != header.Command)
            {
                // Nothing that was asked for; a server tells about leases and oplocks so, which nobody here has.
                return header is { MessageId: ulong.MaxValue, Command: SmbCommand.OplockBreak };
            }

            if (isInterim)
            {
                return true;
            }

            _sent.Remove(header.MessageId);
        }

        if (_inSigner is null && header is { Command: SmbCommand.Negotiate } or { Command: SmbCommand.SessionSetup, Status: NtStatus.MoreProcessingRequired })
        {
            AddToHash(frame);
        }

        call.Answer(header.Status, frame);
        return true;
    }

    /// <summary>Whether the server has signed an answer that came before answers had to be: the one that ends the login.</summary>
    public bool Verify(ReadOnlySpan<byte> message) => _inSigner!.Verify(message.ToArray());

    private void AddToHash(ReadOnlySpan<byte> message) => PreauthHash = SHA512.HashData([.. PreauthHash, .. message]);

    private void End(NtStatus failure)
    {
        List<SmbCall> left;
        lock (_gate)
        {
            _isEnded = true;
            left = [.. _sent.Values, .. _waiting];
            _sent.Clear();
            _waiting.Clear();
            Monitor.PulseAll(_gate);
        }

        foreach (var call in left)
        {
            call.Fail(failure);
        }
    }

    // A server that has requests is asked whether it is still there, and given up when it says nothing.
    private void Watch()
    {
        lock (_gate)
        {
            // A connection that has nothing to do wakes nobody.
            _isWatched = _sent.Count > 0 && !_isClosed && _watch.Change(s_period, Timeout.InfiniteTimeSpan);
            var silence = _time.GetElapsedTime(_heardAt);
            if (!_isWatched || silence < s_period)
            {
                return;
            }

            if (silence < _patience)
            {
                if (_isEchoing || SessionId == 0)
                {
                    return;
                }

                _isEchoing = true;
                var echo = new SmbCall(SmbCommand.Echo, 4, 0, (status, _) =>
                {
                    _isEchoing = false;
                    return status;
                });
                BinaryPrimitives.WriteUInt16LittleEndian(echo.Body, 4);
                _waiting.Enqueue(echo);
                Monitor.PulseAll(_gate);
                return;
            }
        }

        Dispose();
    }
}
