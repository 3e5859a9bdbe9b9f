using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Vireo.Smb;

/// <summary>What a server is, and how it will be talked to. [MS-SMB2] 2.2.4.</summary>
/// <param name="Dialect">Chosen.</param>
/// <param name="SecurityMode">Whether the server signs.</param>
/// <param name="ServerId">Of the server.</param>
/// <param name="Capabilities">Of the server.</param>
/// <param name="MaximumReadBytes">Of one request.</param>
/// <param name="MaximumWriteBytes">Of one request.</param>
/// <param name="Cipher">Chosen from 3.1.1 on.</param>
/// <param name="SignsWithGmac">Whether AES-GMAC was chosen.</param>
internal sealed record NegotiateAnswer(
    SmbDialect Dialect, ushort SecurityMode, Guid ServerId, uint Capabilities, uint MaximumReadBytes, uint MaximumWriteBytes, SmbCipherId Cipher, bool SignsWithGmac)
{
    /// <summary>The server may encrypt; SMB2_GLOBAL_CAP_ENCRYPTION.</summary>
    public const uint CanEncrypt = 0x40;

    private const int BodyBytes = 64;
    private const int ContextHashes = 1;
    private const int ContextCiphers = 2;
    private const int ContextSigning = 8;
    private const int Sha512 = 1;
    private const int Gmac = 2;

    /// <summary>Reads the answer; false when it makes no sense, or chooses what was not offered.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, [NotNullWhen(true)] out NegotiateAnswer? answer)
    {
        answer = null;
        if (message.Length < SmbHeader.Bytes + BodyBytes)
        {
            return false;
        }

        var body = message[SmbHeader.Bytes..];
        var dialect = (SmbDialect)BinaryPrimitives.ReadUInt16LittleEndian(body[4..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(body) != 65 || dialect is not (SmbDialect.Smb300 or SmbDialect.Smb302 or SmbDialect.Smb311))
        {
            return false;
        }

        var (cipher, gmac) = (SmbCipherId.None, false);
        var capabilities = BinaryPrimitives.ReadUInt32LittleEndian(body[24..]);
        if (dialect != SmbDialect.Smb311)
        {
            cipher = (capabilities & CanEncrypt) != 0 ? SmbCipherId.Aes128Ccm : SmbCipherId.None;
        }
        else if (!TryContexts(message, BinaryPrimitives.ReadUInt32LittleEndian(body[60..]), BinaryPrimitives.ReadUInt16LittleEndian(body[6..]), out cipher, out gmac))
        {
            return false;
        }

        answer = new NegotiateAnswer(
            dialect, BinaryPrimitives.ReadUInt16LittleEndian(body[2..]), new Guid(body.Slice(8, 16)), capabilities,
            BinaryPrimitives.ReadUInt32LittleEndian(body[32..]), BinaryPrimitives.ReadUInt32LittleEndian(body[36..]), cipher, gmac);
        return true;
    }

    // [MS-SMB2] 2.2.4.1: each begins at a multiple of eight.
    private static bool TryContexts(ReadOnlySpan<byte> message, uint offset, int count, out SmbCipherId cipher, out bool gmac)
    {
        (cipher, gmac) = (SmbCipherId.None, false);
        var hasHash = false;
        for (long at = offset; count > 0; count--)
        {
            if (at > message.Length - 8)
            {
                return false;
            }

            var context = message[(int)at..];
            int length = BinaryPrimitives.ReadUInt16LittleEndian(context[2..]);
            if (length > context.Length - 8)
            {
                return false;
            }

            var data = context.Slice(8, length);
            switch (BinaryPrimitives.ReadUInt16LittleEndian(context))
            {
                case ContextHashes when length >= 6:
                    hasHash = BinaryPrimitives.ReadUInt16LittleEndian(data) == 1 && BinaryPrimitives.ReadUInt16LittleEndian(data[4..]) == Sha512;
                    break;
                case ContextCiphers when length >= 4 && BinaryPrimitives.ReadUInt16LittleEndian(data) == 1:
                    cipher = (SmbCipherId)BinaryPrimitives.ReadUInt16LittleEndian(data[2..]);
                    break;
                case ContextSigning when length >= 4 && BinaryPrimitives.ReadUInt16LittleEndian(data) == 1:
                    gmac = BinaryPrimitives.ReadUInt16LittleEndian(data[2..]) == Gmac;
                    break;
            }

            at = (at + 8 + length + 7) & ~7L;
        }

        return hasHash && cipher is SmbCipherId.None or SmbCipherId.Aes128Ccm or SmbCipherId.Aes128Gcm;
    }
}

/// <summary>A step of a login. [MS-SMB2] 2.2.6.</summary>
/// <param name="Flags">Of the session.</param>
/// <param name="Token">What the server says.</param>
internal sealed record SessionSetupAnswer(ushort Flags, byte[] Token)
{
    /// <summary>The server let a guest or nobody in.</summary>
    public const int GuestOrNobody = 3;

    /// <summary>The server wants everything encrypted.</summary>
    public const int Encrypts = 4;

    /// <summary>Reads the answer; false when it makes no sense.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, [NotNullWhen(true)] out SessionSetupAnswer? answer)
    {
        answer = null;
        if (message.Length < SmbHeader.Bytes + 8)
        {
            return false;
        }

        var body = message[SmbHeader.Bytes..];
        int offset = BinaryPrimitives.ReadUInt16LittleEndian(body[4..]);
        int length = BinaryPrimitives.ReadUInt16LittleEndian(body[6..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(body) != 9 || (length > 0 && (offset < SmbHeader.Bytes + 8 || offset > message.Length - length)))
        {
            return false;
        }

        answer = new SessionSetupAnswer(BinaryPrimitives.ReadUInt16LittleEndian(body[2..]), length == 0 ? [] : message.Slice(offset, length).ToArray());
        return true;
    }
}

/// <summary>A share. [MS-SMB2] 2.2.10.</summary>
/// <param name="IsDisk">Files, not a pipe or a printer.</param>
/// <param name="MustEncrypt">The share is to be spoken to encrypted only.</param>
internal readonly record struct TreeConnectAnswer(bool IsDisk, bool MustEncrypt)
{
    private const uint EncryptData = 0x8000; // SMB2_SHAREFLAG_ENCRYPT_DATA

    /// <summary>Reads the answer; false when it makes no sense.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out TreeConnectAnswer answer)
    {
        answer = default;
        if (message.Length < SmbHeader.Bytes + 16 || BinaryPrimitives.ReadUInt16LittleEndian(message[SmbHeader.Bytes..]) != 16)
        {
            return false;
        }

        var body = message[SmbHeader.Bytes..];
        answer = new TreeConnectAnswer(body[2] == 1, (BinaryPrimitives.ReadUInt32LittleEndian(body[4..]) & EncryptData) != 0);
        return true;
    }
}

/// <summary>An open file. [MS-SMB2] 2.2.14.</summary>
/// <param name="LengthBytes">Its length.</param>
/// <param name="IsFolder">Whether it is a folder.</param>
/// <param name="Persistent">First half of its handle.</param>
/// <param name="Volatile">Second half of its handle.</param>
internal readonly record struct CreateAnswer(long LengthBytes, bool IsFolder, ulong Persistent, ulong Volatile)
{
    private const uint Folder = 0x10; // FILE_ATTRIBUTE_DIRECTORY

    /// <summary>Reads the answer; false when it makes no sense.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, out CreateAnswer answer)
    {
        answer = default;
        if (message.Length < SmbHeader.Bytes + 88 || BinaryPrimitives.ReadUInt16LittleEndian(message[SmbHeader.Bytes..]) != 89)
        {
            return false;
        }

        var body = message[SmbHeader.Bytes..];
        answer = new CreateAnswer(
            BinaryPrimitives.ReadInt64LittleEndian(body[48..]), (BinaryPrimitives.ReadUInt32LittleEndian(body[56..]) & Folder) != 0,
            BinaryPrimitives.ReadUInt64LittleEndian(body[64..]), BinaryPrimitives.ReadUInt64LittleEndian(body[72..]));
        return answer.LengthBytes >= 0;
    }
}

/// <summary>Where in an answer its data are: of a read ([MS-SMB2] 2.2.20), a control ([MS-SMB2] 2.2.32) or a query ([MS-SMB2] 2.2.38).</summary>
internal static class SmbPayload
{
    /// <summary>The data of an answer; false when they are not all there.</summary>
    public static bool TryParse(ReadOnlySpan<byte> message, SmbCommand command, out Range data)
    {
        data = default;
        var (size, smallest) = command switch
        {
            SmbCommand.Read => (17, 16),
            SmbCommand.Ioctl => (49, 48),
            _ => (9, 8),
        };
        if (message.Length < SmbHeader.Bytes + smallest || BinaryPrimitives.ReadUInt16LittleEndian(message[SmbHeader.Bytes..]) != size)
        {
            return false;
        }

        var body = message[SmbHeader.Bytes..];
        var (offset, length) = command switch
        {
            SmbCommand.Read => (body[2], BinaryPrimitives.ReadUInt32LittleEndian(body[4..])),
            SmbCommand.Ioctl => (BinaryPrimitives.ReadUInt32LittleEndian(body[32..]), BinaryPrimitives.ReadUInt32LittleEndian(body[36..])),
            _ => (BinaryPrimitives.ReadUInt16LittleEndian(body[2..]), BinaryPrimitives.ReadUInt32LittleEndian(body[4..])),
        };
        if (length == 0)
        {
            return true;
        }

        if (offset < SmbHeader.Bytes + smallest || offset > message.Length || length > message.Length - offset)
        {
            return false;
        }

        data = (int)offset..(int)(offset + length);
        return true;
    }
}

/// <summary>Ranges of a file that have storage. [MS-FSCC] 2.3.56, FSCTL_QUERY_ALLOCATED_RANGES.</summary>
internal static class AllocatedRanges
{
    private const int EntryBytes = 16;

    /// <summary>The first range at or behind <paramref name="offsetBytes"/>; false when the answer makes no sense, null ranges when there is none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> data, long offsetBytes, out (long Offset, long Length)? first)
    {
        first = null;
        if (data.Length % EntryBytes != 0)
        {
            return false;
        }

        for (; !data.IsEmpty; data = data[EntryBytes..])
        {
            var (offset, length) = (BinaryPrimitives.ReadInt64LittleEndian(data), BinaryPrimitives.ReadInt64LittleEndian(data[8..]));
            if (offset < 0 || length <= 0 || offset > long.MaxValue - length)
            {
                return false;
            }

            if (offset + length > offsetBytes)
            {
                first = (offset, length);
                return true;
            }
        }

        return true;
    }
}
