using System.Buffers.Binary;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Vireo.Platform.Files;
using Vireo.Smb.Security;

namespace Vireo.Smb;

/// <summary>How a connection is made.</summary>
/// <param name="Time">The clock.</param>
public sealed record SmbOptions(TimeProvider Time)
{
    /// <summary>How long a server may take to answer at all.</summary>
    public TimeSpan ConnectPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a server that has requests may say nothing.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>TCP port.</summary>
    public int Port { get; init; } = 445;
}

/// <summary>
/// A share of a file server, over a connection and a session of its own. [MS-SMB2]: dialects 3.0, 3.0.2 and 3.1.1; every message is signed or encrypted.
/// The calls that make and open wait for the server.
/// </summary>
public sealed class SmbShare : IDisposable
{
    private const int LargestTransferBytes = 512 << 10;
    private const int ValidateNegotiateInfo = 0x00140204; // FSCTL_VALIDATE_NEGOTIATE_INFO
    private const uint OfferedCapabilities = 0x4 | NegotiateAnswer.CanEncrypt; // SMB2_GLOBAL_CAP_LARGE_MTU
    private const ushort SigningEnabledAndRequired = 3;
    private static readonly ushort[] s_dialects = [(ushort)SmbDialect.Smb300, (ushort)SmbDialect.Smb302, (ushort)SmbDialect.Smb311];
    private readonly Guid _clientId = Guid.NewGuid();
    private NegotiateAnswer _server = null!;
    private bool _isEncrypted;

    private SmbShare(SmbConnection connection, UncPath path) => (Connection, Path) = (connection, path);

    /// <summary>Server and share.</summary>
    public UncPath Path { get; }

    /// <summary>Number of the session, which a later connection may name so that the server ends this one at once.</summary>
    public ulong SessionId => Connection.SessionId;

    /// <summary>Whether the connection stands.</summary>
    public bool IsUp => Connection.IsUp;

    /// <summary>The dialect, such as 3.1.1, and what keeps messages safe.</summary>
    public string Protection { get; private set; } = "";

    /// <summary>Bytes of a read or write at most.</summary>
    public int TransferBytes { get; private set; }

    internal SmbConnection Connection { get; }

    /// <summary>Connects to the share of <paramref name="path"/> and logs in.</summary>
    /// <param name="path">A path on the share.</param>
    /// <param name="login">Who.</param>
    /// <param name="options">How.</param>
    /// <param name="previousSession">A session of this program that was lost: the server closes what that has open before it answers. [MS-SMB2] 3.3.5.5.3.</param>
    /// <exception cref="SmbException">No server, no share, or the server does not want us.</exception>
    public static SmbShare Connect(UncPath path, SmbLogin login, SmbOptions options, ulong previousSession = 0)
    {
        var share = new SmbShare(new SmbConnection(Dial(path.Server, options), options.Patience, options.Time), path);
        try
        {
            share.Negotiate();
            share.LogIn(login, previousSession, options.Time);
            share.ConnectTree(login);
            return share;
        }
        catch
        {
            share.Dispose();
            throw;
        }
    }

    /// <summary>Opens or makes a file.</summary>
    /// <exception cref="SmbException">The server refused.</exception>
    public SmbFile Open(string name, SmbOpen how)
    {
        var file = Encoding.Unicode.GetBytes(name);
        const int bodyBytes = 56;
        CreateAnswer answer = default;
        var call = new SmbCall(SmbCommand.Create, bodyBytes + Math.Max(file.Length, 2), 0, (status, message) =>
            status == NtStatus.Success && !CreateAnswer.TryParse(message, out answer) ? NtStatus.BadAnswer : status);
        var body = call.Body;
        body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, 57);
        BinaryPrimitives.WriteUInt32LittleEndian(body[4..], 2); // Impersonation
        BinaryPrimitives.WriteUInt32LittleEndian(body[24..], (uint)how.Access);
        BinaryPrimitives.WriteUInt32LittleEndian(body[28..], how.Disposition == SmbDisposition.Create ? 0x80u : 0); // FILE_ATTRIBUTE_NORMAL
        BinaryPrimitives.WriteUInt32LittleEndian(body[32..], (uint)how.Shared);
        BinaryPrimitives.WriteUInt32LittleEndian(body[36..], (uint)how.Disposition);
        BinaryPrimitives.WriteUInt32LittleEndian(body[40..], (uint)how.Options);
        BinaryPrimitives.WriteUInt16LittleEndian(body[44..], SmbHeader.Bytes + bodyBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(body[46..], (ushort)file.Length);
        file.CopyTo(body[bodyBytes..]);
        Require(Connection.SubmitAsync(call));
        return new SmbFile(this, answer);
    }

    /// <summary>Ends the session and with it the connection; what is open is closed by the server.</summary>
    public void Dispose() => Connection.Dispose();

    /// <summary>Waits for an answer.</summary>
    /// <exception cref="SmbException">The server refused.</exception>
    internal static void Require(Task<NtStatus> answer)
    {
        var status = answer.GetAwaiter().GetResult();
        if (status != NtStatus.Success)
        {
            throw SmbException.Of(status);
        }
    }

    private static Socket Dial(string server, SmbOptions options)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            using var patience = new CancellationTokenSource(options.ConnectPatience, options.Time);
            socket.ConnectAsync(server, options.Port, patience.Token).AsTask().GetAwaiter().GetResult();
            return socket;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            throw new SmbException(
                SmbErrorKind.Unreachable, $"the server '{server}' does not answer on port {options.Port} ({(exception is SocketException failed ? failed.SocketErrorCode : SocketError.TimedOut)})", exception);
        }
    }

    // [MS-SMB2] 2.2.3.
    private void Negotiate()
    {
        const int dialectsOffset = 36;
        const int contextsOffset = 48; // in the body; with the header a multiple of eight, as contexts have to be
        const int saltBytes = 32;
        var contexts = new List<byte>();
        AddContext(contexts, 1, [1, 0, saltBytes, 0, 1, 0, .. RandomNumberGenerator.GetBytes(saltBytes)]);
        AddContext(contexts, 2, [2, 0, (byte)SmbCipherId.Aes128Gcm, 0, (byte)SmbCipherId.Aes128Ccm, 0]);
        AddContext(contexts, 8, [2, 0, 2, 0, 1, 0]); // AES-GMAC, else AES-CMAC
        NegotiateAnswer? answer = null;
        var call = new SmbCall(SmbCommand.Negotiate, contextsOffset + contexts.Count, 0, (status, message) =>
            status == NtStatus.Success && !NegotiateAnswer.TryParse(message, out answer) ? NtStatus.BadAnswer : status);
        var body = call.Body;
        body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, 36);
        BinaryPrimitives.WriteUInt16LittleEndian(body[2..], (ushort)s_dialects.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(body[4..], SigningEnabledAndRequired);
        BinaryPrimitives.WriteUInt32LittleEndian(body[8..], OfferedCapabilities);
        _clientId.TryWriteBytes(body[12..]);
        BinaryPrimitives.WriteUInt32LittleEndian(body[28..], SmbHeader.Bytes + contextsOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(body[32..], 3);
        for (var i = 0; i < s_dialects.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(body[(dialectsOffset + (2 * i))..], s_dialects[i]);
        }

        contexts.ToArray().CopyTo(body[contextsOffset..]);
        var result = Connection.SubmitAsync(call).GetAwaiter().GetResult();
        _server = result switch
        {
            NtStatus.Success => answer!,
            NtStatus.NotSupported or NtStatus.InvalidParameter or NtStatus.BadAnswer => throw new SmbException(SmbErrorKind.Protocol, "the server does not speak SMB 3"),
            _ => throw SmbException.Of(result),
        };
        TransferBytes = (int)Math.Min(Math.Min(_server.MaximumReadBytes, _server.MaximumWriteBytes), LargestTransferBytes);
        if (TransferBytes < 4096)
        {
            throw new SmbException(SmbErrorKind.Protocol, "the server takes no reads and writes of a useful size");
        }
    }

    private static void AddContext(List<byte> contexts, byte type, byte[] data)
    {
        contexts.AddRange(new byte[-contexts.Count & 7]);
        contexts.AddRange([type, 0, (byte)data.Length, 0, 0, 0, 0, 0, .. data]);
    }

    // [MS-SMB2] 3.2.4.2.3, with NTLM's messages as they are, which servers take without the envelope of SPNEGO too.
    private void LogIn(SmbLogin login, ulong previousSession, TimeProvider time)
    {
        var negotiate = Ntlm.Negotiate();
        var first = SetUp(negotiate, previousSession, keyOf: null);
        if (first.Status != NtStatus.MoreProcessingRequired)
        {
            throw first.Status == NtStatus.Success ? new SmbException(SmbErrorKind.Protocol, "the server let us in before it knew who we are") : SmbException.Of(first.Status);
        }

        var (message, sessionKey) = Ntlm.Authenticate(login, negotiate, first.Answer!.Token, time);
        var second = SetUp(message, previousSession, sessionKey);
        if (second.Status != NtStatus.Success)
        {
            throw SmbException.Of(second.Status);
        }

        if (login.Encrypt || (second.Answer!.Flags & SessionSetupAnswer.Encrypts) != 0)
        {
            Encrypt();
        }
    }

    private (NtStatus Status, SessionSetupAnswer? Answer) SetUp(byte[] token, ulong previousSession, byte[]? keyOf)
    {
        const int bodyBytes = 24;
        SessionSetupAnswer? answer = null;
        var call = new SmbCall(SmbCommand.SessionSetup, bodyBytes + token.Length, 0, (status, message) =>
        {
            if (status is not (NtStatus.Success or NtStatus.MoreProcessingRequired))
            {
                return status;
            }

            if (!SessionSetupAnswer.TryParse(message, out answer) || !SmbHeader.TryParse(message, out var header))
            {
                return NtStatus.BadAnswer;
            }

            Connection.SessionId = header.SessionId;
            if (status != NtStatus.Success || keyOf is null)
            {
                return status;
            }

            if ((answer.Flags & SessionSetupAnswer.GuestOrNobody) != 0)
            {
                // A guest's session has no key that anything could be signed with.
                return NtStatus.LogonFailure;
            }

            // The answer that ends the login is the first that is signed: so nobody but the server that knows the password can have given it.
            Connection.UseKeys(SmbKeys.Derive(keyOf, _server.Dialect, Connection.PreauthHash), _server.SignsWithGmac, _server.Cipher);
            return Connection.Verify(message) ? status : NtStatus.BadAnswer;
        });
        var body = call.Body;
        body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, 25);
        body[3] = (byte)SigningEnabledAndRequired;
        BinaryPrimitives.WriteUInt16LittleEndian(body[12..], SmbHeader.Bytes + bodyBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(body[14..], (ushort)token.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(body[16..], previousSession);
        token.CopyTo(body[bodyBytes..]);
        return (Connection.SubmitAsync(call).GetAwaiter().GetResult(), answer);
    }

    private void ConnectTree(SmbLogin login)
    {
        const int bodyBytes = 8;
        var name = Encoding.Unicode.GetBytes($@"\\{Path.Server}\{Path.Share}");
        TreeConnectAnswer answer = default;
        var call = new SmbCall(SmbCommand.TreeConnect, bodyBytes + name.Length, 0, (status, message) =>
        {
            if (status != NtStatus.Success)
            {
                return status;
            }

            if (!TreeConnectAnswer.TryParse(message, out answer) || !SmbHeader.TryParse(message, out var header))
            {
                return NtStatus.BadAnswer;
            }

            Connection.TreeId = header.TreeId;
            return status;
        });
        var body = call.Body;
        BinaryPrimitives.WriteUInt16LittleEndian(body, 9);
        BinaryPrimitives.WriteUInt16LittleEndian(body[4..], SmbHeader.Bytes + bodyBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(body[6..], (ushort)name.Length);
        name.CopyTo(body[bodyBytes..]);
        var result = Connection.SubmitAsync(call).GetAwaiter().GetResult();
        if (result == NtStatus.AccessDenied && !login.Encrypt)
        {
            throw new SmbException(SmbErrorKind.AccessDenied, "the server does not let the account into the share, or only with encryption (\"encrypt\": true)");
        }

        if (result != NtStatus.Success)
        {
            throw SmbException.Of(result);
        }

        if (!answer.IsDisk)
        {
            throw new SmbException(SmbErrorKind.NoShare, "the share is not one of files");
        }

        if (answer.MustEncrypt)
        {
            Encrypt();
        }

        if (_server.Dialect != SmbDialect.Smb311)
        {
            RequireSameNegotiation();
        }

        Protection = $"SMB {(ushort)_server.Dialect >> 8:X}.{((ushort)_server.Dialect >> 4) & 15:X}.{(ushort)_server.Dialect & 15:X}, {(_isEncrypted ? $"encrypted with {_server.Cipher}" : _server.SignsWithGmac ? "signed with AES-GMAC" : "signed with AES-CMAC")}";
    }

    private void Encrypt()
    {
        if (!Connection.TryEncrypt())
        {
            throw new SmbException(SmbErrorKind.Protocol, "the server cannot encrypt");
        }

        _isEncrypted = true;
    }

    // [MS-SMB2] 3.2.5.5: before 3.1.1 somebody in between could have changed what was negotiated; the server tells again, signed.
    private void RequireSameNegotiation()
    {
        var input = new byte[24 + (2 * s_dialects.Length)];
        BinaryPrimitives.WriteUInt32LittleEndian(input, OfferedCapabilities);
        _clientId.TryWriteBytes(input.AsSpan(4));
        BinaryPrimitives.WriteUInt16LittleEndian(input.AsSpan(20), SigningEnabledAndRequired);
        BinaryPrimitives.WriteUInt16LittleEndian(input.AsSpan(22), (ushort)s_dialects.Length);
        for (var i = 0; i < s_dialects.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(input.AsSpan(24 + (2 * i)), s_dialects[i]);
        }

        var output = new byte[24];
        var received = 0;
        var call = SmbFile.Control(ValidateNegotiateInfo, ulong.MaxValue, ulong.MaxValue, input, output.Length, data =>
        {
            received = Math.Min(data.Length, output.Length);
            data[..received].CopyTo(output);
            return NtStatus.Success;
        });
        Require(Connection.SubmitAsync(call));
        if (received != output.Length || BinaryPrimitives.ReadUInt32LittleEndian(output) != _server.Capabilities || new Guid(output.AsSpan(4, 16)) != _server.ServerId
            || BinaryPrimitives.ReadUInt16LittleEndian(output.AsSpan(20)) != _server.SecurityMode || BinaryPrimitives.ReadUInt16LittleEndian(output.AsSpan(22)) != (ushort)_server.Dialect)
        {
            throw new SmbException(SmbErrorKind.Protocol, "somebody between here and the server changed what both agreed on");
        }
    }
}
