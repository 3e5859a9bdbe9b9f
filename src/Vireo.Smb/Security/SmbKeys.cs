using System.Security.Cryptography;
using System.Text;

namespace Vireo.Smb.Security;

/// <summary>The keys of a session. [MS-SMB2] 3.2.5.3.1 and 3.1.4.2.</summary>
/// <param name="Signing">Signs in both directions.</param>
/// <param name="ToServer">Encrypts what the client sends.</param>
/// <param name="ToClient">Encrypts what the server sends.</param>
internal sealed record SmbKeys(byte[] Signing, byte[] ToServer, byte[] ToClient)
{
    private const int KeyBytes = 16;

    /// <summary>Derives the keys.</summary>
    /// <param name="sessionKey">What the login gave.</param>
    /// <param name="dialect">Agreed.</param>
    /// <param name="preauthHash">Over what was said until the login; used from 3.1.1 on.</param>
    public static SmbKeys Derive(byte[] sessionKey, SmbDialect dialect, byte[] preauthHash) => dialect == SmbDialect.Smb311
        ? new(
            Derive(sessionKey, "SMBSigningKey\0", preauthHash),
            Derive(sessionKey, "SMBC2SCipherKey\0", preauthHash),
            Derive(sessionKey, "SMBS2CCipherKey\0", preauthHash))
        : new(
            Derive(sessionKey, "SMB2AESCMAC\0", "SmbSign\0"u8.ToArray()),
            Derive(sessionKey, "SMB2AESCCM\0", "ServerIn \0"u8.ToArray()),
            Derive(sessionKey, "SMB2AESCCM\0", "ServerOut\0"u8.ToArray()));

    private static byte[] Derive(byte[] key, string label, byte[] context) =>
        SP800108HmacCounterKdf.DeriveBytes(key, HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(label), context, KeyBytes);
}
