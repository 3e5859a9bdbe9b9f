using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Vireo.Smb.Security;

/// <summary>Signs messages and checks signatures, with AES-128-CMAC or AES-128-GMAC. [MS-SMB2] 3.1.4.1. Not for two threads at once.</summary>
internal sealed class SmbSigner : IDisposable
{
    private const int SignatureOffset = 48;
    private const int SignatureBytes = 16;
    private const int FlagsOffset = 16;
    private const int MessageIdOffset = 24;
    private const int BlockBytes = 16;
    private readonly Aes? _cmac;
    private readonly AesGcm? _gmac;
    private readonly byte[] _one = new byte[BlockBytes];
    private readonly byte[] _two = new byte[BlockBytes];
    private byte[] _scratch = [];

    /// <summary>A signer with <paramref name="key"/>.</summary>
    public SmbSigner(byte[] key, bool useGmac)
    {
        if (useGmac)
        {
            _gmac = new AesGcm(key, SignatureBytes);
            return;
        }

        // RFC 4493, 2.3: the subkeys.
        _cmac = Aes.Create();
        _cmac.Key = key;
        Double(_cmac.EncryptEcb(_one, PaddingMode.None), _one);
        Double(_one, _two);
    }

    /// <summary>Writes the signature of a message into it; the flag that says so is set before.</summary>
    public void Sign(Span<byte> message) => Compute(message, isOfServer: false, message.Slice(SignatureOffset, SignatureBytes));

    /// <summary>Whether the server has signed the message.</summary>
    public bool Verify(Span<byte> message)
    {
        Span<byte> theirs = stackalloc byte[SignatureBytes];
        Span<byte> ours = stackalloc byte[SignatureBytes];
        message.Slice(SignatureOffset, SignatureBytes).CopyTo(theirs);
        Compute(message, isOfServer: true, ours);
        return CryptographicOperations.FixedTimeEquals(theirs, ours) && (message[FlagsOffset] & SmbHeader.FlagSigned) != 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cmac?.Dispose();
        _gmac?.Dispose();
    }

    /// <summary>RFC 4493, 2.4.</summary>
    internal void Cmac(ReadOnlySpan<byte> message, Span<byte> code)
    {
        var whole = message.Length > 0 && message.Length % BlockBytes == 0;
        var length = whole ? message.Length : (message.Length / BlockBytes * BlockBytes) + BlockBytes;
        if (_scratch.Length < 2 * length)
        {
            _scratch = new byte[2 * length];
        }

        var padded = _scratch.AsSpan(0, length);
        var chained = _scratch.AsSpan(length, length);
        message.CopyTo(padded);
        if (!whole)
        {
            padded[message.Length..].Clear();
            padded[message.Length] = 0x80;
        }

        var last = padded[^BlockBytes..];
        var key = whole ? _one : _two;
        for (var i = 0; i < BlockBytes; i++)
        {
            last[i] ^= key[i];
        }

        Span<byte> zeros = stackalloc byte[BlockBytes];
        zeros.Clear();
        _cmac!.EncryptCbc(padded, zeros, chained, PaddingMode.None);
        chained[^BlockBytes..].CopyTo(code);
    }

    private void Compute(Span<byte> message, bool isOfServer, Span<byte> signature)
    {
        message.Slice(SignatureOffset, SignatureBytes).Clear();
        if (_gmac is null)
        {
            Cmac(message, signature);
            return;
        }

        // The nonce is the number of the message, whose it is, and whether it cancels another.
        Span<byte> nonce = stackalloc byte[12];
        message.Slice(MessageIdOffset, 8).CopyTo(nonce);
        var isCancel = BinaryPrimitives.ReadUInt16LittleEndian(message[12..]) == (ushort)SmbCommand.Cancel;
        BinaryPrimitives.WriteUInt32LittleEndian(nonce[8..], (isOfServer ? 1u : 0) | (isCancel ? 2u : 0));
        _gmac.Encrypt(nonce, [], [], signature, message);
    }

    private static void Double(ReadOnlySpan<byte> source, Span<byte> target)
    {
        var value = BinaryPrimitives.ReadUInt128BigEndian(source);
        BinaryPrimitives.WriteUInt128BigEndian(target, (value << 1) ^ (value >> 127 != 0 ? (UInt128)0x87 : 0));
    }
}
