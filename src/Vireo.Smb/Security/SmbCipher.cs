using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Vireo.Smb.Security;

/// <summary>Encrypts messages behind a transform header. [MS-SMB2] 2.2.41 and 3.1.4.3. Each direction is one thread's.</summary>
internal sealed class SmbCipher(SmbKeys keys, SmbCipherId id, ulong sessionId) : IDisposable
{
    /// <summary>Bytes before an encrypted message.</summary>
    public const int HeaderBytes = 52;

    private const int TagOffset = 4;
    private const int TagBytes = 16;
    private const int NonceOffset = 20;
    private const int SizeOffset = 36;
    private const int FlagsOffset = 42;
    private const int SessionOffset = 44;
    private readonly AesGcm? _outGcm = id == SmbCipherId.Aes128Gcm ? new AesGcm(keys.ToServer, TagBytes) : null;
    private readonly AesGcm? _inGcm = id == SmbCipherId.Aes128Gcm ? new AesGcm(keys.ToClient, TagBytes) : null;
    private readonly AesCcm? _outCcm = id == SmbCipherId.Aes128Ccm ? new AesCcm(keys.ToServer) : null;
    private readonly AesCcm? _inCcm = id == SmbCipherId.Aes128Ccm ? new AesCcm(keys.ToClient) : null;
    private ulong _nonce;

    private static ReadOnlySpan<byte> Signature => [0xFD, (byte)'S', (byte)'M', (byte)'B'];

    private int NonceBytes => id == SmbCipherId.Aes128Gcm ? 12 : 11;

    /// <summary>Whether a frame is an encrypted one.</summary>
    public static bool IsEncrypted(ReadOnlySpan<byte> frame) => frame.StartsWith(Signature);

    /// <summary>Encrypts in place what stands behind <see cref="HeaderBytes"/> bytes of room.</summary>
    public void Encrypt(Span<byte> frame)
    {
        var header = frame[..HeaderBytes];
        var message = frame[HeaderBytes..];
        header.Clear();
        Signature.CopyTo(header);

        // A number that never comes twice with this key.
        BinaryPrimitives.WriteUInt64LittleEndian(header[NonceOffset..], ++_nonce);
        BinaryPrimitives.WriteInt32LittleEndian(header[SizeOffset..], message.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(header[FlagsOffset..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[SessionOffset..], sessionId);
        var nonce = header.Slice(NonceOffset, NonceBytes);
        var tag = header.Slice(TagOffset, TagBytes);
        var rest = header[NonceOffset..];
        if (_outGcm is not null)
        {
            _outGcm.Encrypt(nonce, message, message, tag, rest);
        }
        else
        {
            _outCcm!.Encrypt(nonce, message, message, tag, rest);
        }
    }

    /// <summary>Decrypts a frame in place; false when it is not the server's of this session.</summary>
    public bool TryDecrypt(Span<byte> frame)
    {
        if (frame.Length <= HeaderBytes || BinaryPrimitives.ReadInt32LittleEndian(frame[SizeOffset..]) != frame.Length - HeaderBytes
            || BinaryPrimitives.ReadUInt64LittleEndian(frame[SessionOffset..]) != sessionId)
        {
            return false;
        }

        var header = frame[..HeaderBytes];
        var message = frame[HeaderBytes..];
        var nonce = header.Slice(NonceOffset, NonceBytes);
        var tag = header.Slice(TagOffset, TagBytes);
        var rest = header[NonceOffset..];
        try
        {
            if (_inGcm is not null)
            {
                _inGcm.Decrypt(nonce, message, tag, message, rest);
            }
            else
            {
                _inCcm!.Decrypt(nonce, message, tag, message, rest);
            }

            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _outGcm?.Dispose();
        _inGcm?.Dispose();
        _outCcm?.Dispose();
        _inCcm?.Dispose();
    }
}
