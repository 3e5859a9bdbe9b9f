using System.Buffers.Binary;
using System.Buffers.Text;
using System.Net;
using System.Text;

namespace Vireo.Host.Peers;

/// <summary>
/// What one administrator hands to another: where a host is, how to recognise its authority, and the secret that lets one host in, once. Text that can be
/// copied: <c>vireo-</c> and base64url.
/// </summary>
/// <param name="Invitation">Names the invitation.</param>
/// <param name="Secret">32 random bytes.</param>
/// <param name="Authority">SHA-256 of the authority's certificate.</param>
/// <param name="CertificateName">Name that the inviting host's certificate carries.</param>
/// <param name="Expires">Until when it is good.</param>
/// <param name="Addresses">Where the inviting host listens, best first.</param>
internal sealed record InvitationToken(
    Guid Invitation, byte[] Secret, byte[] Authority, string CertificateName, DateTimeOffset Expires, IReadOnlyList<IPEndPoint> Addresses)
{
    /// <summary>Bytes of the secret, and of a fingerprint.</summary>
    public const int SecretBytes = 32;

    private const string Prefix = "vireo-";
    private const byte Version = 1;
    private const int MostCharacters = 4_096;
    private const int MostAddresses = 8;
    private const int FixedBytes = 1 + 16 + SecretBytes + SecretBytes + sizeof(long) + 1;

    /// <summary>The text.</summary>
    public override string ToString()
    {
        var bytes = new MemoryStream();
        bytes.WriteByte(Version);
        bytes.Write(Invitation.ToByteArray(bigEndian: true));
        bytes.Write(Secret);
        bytes.Write(Authority);
        Span<byte> time = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(time, Expires.ToUnixTimeSeconds());
        bytes.Write(time);
        var name = Encoding.ASCII.GetBytes(CertificateName);
        bytes.WriteByte((byte)name.Length);
        bytes.Write(name);
        Span<byte> port = stackalloc byte[sizeof(ushort)];
        foreach (var address in Addresses.Take(MostAddresses))
        {
            var raw = address.Address.GetAddressBytes();
            bytes.WriteByte((byte)raw.Length);
            bytes.Write(raw);
            BinaryPrimitives.WriteUInt16BigEndian(port, (ushort)address.Port);
            bytes.Write(port);
        }

        return Prefix + Base64Url.EncodeToString(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }

    /// <summary>Reads the text; a person may have copied a part of it, or something else.</summary>
    /// <exception cref="FormatException">It is no token of this version.</exception>
    public static InvitationToken Parse(ReadOnlySpan<char> text)
    {
        text = text.Trim();
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || text.Length > MostCharacters)
        {
            throw Broken("it does not begin with 'vireo-' as they do");
        }

        byte[] bytes;
        try
        {
            bytes = Base64Url.DecodeFromChars(text[Prefix.Length..]);
        }
        catch (FormatException damage)
        {
            throw Broken("a part of it is missing, or is not of it", damage);
        }

        return ParseBytes(bytes);
    }

    /// <summary>Reads what the text stands for.</summary>
    /// <exception cref="FormatException">It is no token of this version.</exception>
    public static InvitationToken ParseBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes[0] != Version)
        {
            throw Broken(bytes.IsEmpty ? "it is empty" : $"it is of version {bytes[0]}, and this host knows version {Version}");
        }

        if (bytes.Length < FixedBytes)
        {
            throw Broken("it is not whole");
        }

        var invitation = new Guid(bytes.Slice(1, 16), bigEndian: true);
        var secret = bytes.Slice(17, SecretBytes).ToArray();
        var authority = bytes.Slice(17 + SecretBytes, SecretBytes).ToArray();
        var seconds = BinaryPrimitives.ReadInt64BigEndian(bytes[(17 + (2 * SecretBytes))..]);
        if (seconds < 0 || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
        {
            throw Broken("its time is none");
        }

        var nameLength = bytes[FixedBytes - 1];
        bytes = bytes[FixedBytes..];
        if (nameLength > bytes.Length)
        {
            throw Broken("it is not whole");
        }

        var name = Encoding.ASCII.GetString(bytes[..nameLength]);
        if (!PeerCertificates.IsHostName(name))
        {
            throw Broken("the name in it is none");
        }

        return new InvitationToken(invitation, secret, authority, name, DateTimeOffset.FromUnixTimeSeconds(seconds), ReadAddresses(bytes[nameLength..]));
    }

    private static List<IPEndPoint> ReadAddresses(ReadOnlySpan<byte> bytes)
    {
        var addresses = new List<IPEndPoint>();
        while (!bytes.IsEmpty)
        {
            var length = bytes[0];
            if (length is not (4 or 16) || bytes.Length < 1 + length + sizeof(ushort) || addresses.Count == MostAddresses)
            {
                throw Broken("it is not whole");
            }

            addresses.Add(new IPEndPoint(new IPAddress(bytes.Slice(1, length)), BinaryPrimitives.ReadUInt16BigEndian(bytes[(1 + length)..])));
            bytes = bytes[(1 + length + sizeof(ushort))..];
        }

        return addresses.Count > 0 ? addresses : throw Broken("it names no address");
    }

    private static FormatException Broken(string why, Exception? inner = null) => new($"This is no whole invitation: {why}. Copy all that 'vireo trust invite' printed.", inner);
}
