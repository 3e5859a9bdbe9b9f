using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Vireo.Smb.Security;

/// <summary>
/// The client's side of an NTLMv2 login. [MS-NLMP] 3.1.5: negotiate, challenge, authenticate, with a key that is exchanged and a code over all three messages.
/// Older answers are never given.
/// </summary>
internal static class Ntlm
{
    // [MS-NLMP] 2.2.2.5: 56 and 128 bits, key exchange, version, target information, extended session security, always sign, NTLM, sign, request target, Unicode.
    private const uint Wanted = 0xE2888215;
    private const uint MustHave = 0x40080201; // key exchange, extended session security, NTLM, Unicode
    private const int AuthenticateHeaderBytes = 88;
    private const int CodeOffset = 72;
    private const int FlagsAttribute = 6; // MsvAvFlags
    private const int HasCode = 2;

    /// <summary>First bytes of every message.</summary>
    public static ReadOnlySpan<byte> Signature => "NTLMSSP\0"u8;

    // NTLM revision 15 of Windows 6.1; servers do not care.
    private static ReadOnlySpan<byte> Version => [6, 1, 0, 0, 0, 0, 0, 15];

    /// <summary>The first message. [MS-NLMP] 2.2.1.1 NEGOTIATE_MESSAGE.</summary>
    public static byte[] Negotiate()
    {
        var message = new byte[40];
        Signature.CopyTo(message);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(12), Wanted);
        Version.CopyTo(message.AsSpan(32));
        return message;
    }

    /// <summary>The last message ([MS-NLMP] 2.2.1.3 AUTHENTICATE_MESSAGE), and the key of the session.</summary>
    /// <exception cref="SmbException">The server's challenge is none, or wants what is not safe.</exception>
    public static (byte[] Message, byte[] SessionKey) Authenticate(SmbLogin login, byte[] negotiate, byte[] challengeMessage, TimeProvider time)
    {
        if (!NtlmChallenge.TryParse(challengeMessage, out var challenge) || (challenge.Flags & MustHave) != MustHave)
        {
            throw new SmbException(SmbErrorKind.Protocol, "the server's part of the login makes no sense, or leaves out what keeps it safe");
        }

        var info = WithFlags(challenge.TargetInfo);
        Span<byte> nonce = stackalloc byte[8];
        RandomNumberGenerator.Fill(nonce);
        var answer = Answer(Key(login.User, login.Domain, login.Password), challenge.Challenge, nonce, time.GetUtcNow().ToFileTime(), info, out var baseKey);
        var sessionKey = RandomNumberGenerator.GetBytes(16);
        byte[][] payload =
        [
            new byte[24], // [MS-NLMP] 3.1.5.1.2: no LM answer where the server tells its time, and none that says anything otherwise
            answer,
            Encoding.Unicode.GetBytes(login.Domain),
            Encoding.Unicode.GetBytes(login.User),
            [],
            Rc4.Apply(baseKey, sessionKey),
        ];
        var message = new byte[AuthenticateHeaderBytes + payload.Sum(static part => part.Length)];
        Signature.CopyTo(message);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), 3);
        var at = AuthenticateHeaderBytes;
        for (var i = 0; i < payload.Length; i++)
        {
            var field = message.AsSpan(12 + (8 * i));
            BinaryPrimitives.WriteUInt16LittleEndian(field, (ushort)payload[i].Length);
            BinaryPrimitives.WriteUInt16LittleEndian(field[2..], (ushort)payload[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(field[4..], (uint)at);
            payload[i].CopyTo(message, at);
            at += payload[i].Length;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(60), challenge.Flags & Wanted);
        Version.CopyTo(message.AsSpan(64));
        byte[] all = [.. negotiate, .. challengeMessage, .. message];
        HMACMD5.HashData(sessionKey, all).CopyTo(message, CodeOffset);
        return (message, sessionKey);
    }

    /// <summary>What a password is worth. [MS-NLMP] 3.3.2 NTOWFv2.</summary>
    internal static byte[] Key(string user, string domain, string password) =>
        HMACMD5.HashData(Md4.Hash(Encoding.Unicode.GetBytes(password)), Encoding.Unicode.GetBytes(user.ToUpperInvariant() + domain));

    /// <summary>The answer to a challenge, and the key that comes with it. [MS-NLMP] 3.3.2.</summary>
    internal static byte[] Answer(byte[] key, byte[] challenge, ReadOnlySpan<byte> nonce, long fileTime, byte[] info, out byte[] sessionBaseKey)
    {
        var blob = new byte[28 + info.Length + 4];
        blob[0] = blob[1] = 1;
        BinaryPrimitives.WriteInt64LittleEndian(blob.AsSpan(8), fileTime);
        nonce.CopyTo(blob.AsSpan(16));
        info.CopyTo(blob, 28);
        byte[] all = [.. challenge, .. blob];
        var proof = HMACMD5.HashData(key, all);
        sessionBaseKey = HMACMD5.HashData(key, proof);
        return [.. proof, .. blob];
    }

    // Before the end of the list: that there is a code over the messages, so that nobody can take out what they agree on.
    private static byte[] WithFlags(byte[] info)
    {
        var result = new byte[info.Length + 8];
        info.AsSpan(0, info.Length - 4).CopyTo(result);
        var pair = result.AsSpan(info.Length - 4);
        BinaryPrimitives.WriteUInt16LittleEndian(pair, FlagsAttribute);
        BinaryPrimitives.WriteUInt16LittleEndian(pair[2..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(pair[4..], HasCode);
        return result;
    }
}
