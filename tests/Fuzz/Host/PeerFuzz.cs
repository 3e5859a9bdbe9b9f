using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Vireo.Commands.Framework;
using Vireo.Fuzz.Tests.Machines;
using Vireo.Host.Peers;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Host;

/// <summary>What one host reads of another, damaged: invitations, bodies, lines, certification requests, certificates. It is read, or refused with the one error promised.</summary>
public sealed class PeerFuzz
{
    private const int Rounds = 2_000;
    private static readonly Guid s_host = Guid.Parse("4f1de1a5-43a6-4bb2-8d95-0f5f8ee0f6d0");
    private readonly Random _random;

    public PeerFuzz()
    {
        var seed = TestSeed.Next();
        _random = new(seed);
    }

    [Fact]
    public void Invitations_are_read_or_refused()
    {
        var whole = new InvitationToken(
            Guid.NewGuid(), RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32), PeerProtocol.CertificateName(s_host),
            DateTimeOffset.FromUnixTimeSeconds(2_000_000_000), [IPEndPoint.Parse("192.0.2.1:6600"), IPEndPoint.Parse("[2001:db8::1]:7000")]);
        var text = whole.ToString();
        Assert.Equal(text, InvitationToken.Parse($"  {text}\n").ToString());
        var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(text.AsSpan("vireo-".Length));
        Assert.InRange(
            Run(() => InvitationToken.ParseBytes(Damage(bytes)), static error => error is FormatException) + Run(
                () => InvitationToken.Parse(Encoding.Latin1.GetString(Damage(Encoding.ASCII.GetBytes(text)))), static error => error is FormatException),
            Rounds / 50, 2 * Rounds);
    }

    [Fact]
    public void Bodies_are_read_or_refused()
    {
        Bodies(new JoinRequest(Guid.NewGuid(), "00", s_host, "web", 6600, ["192.0.2.1"], "pem", null), PeerJson.Default.JoinRequest);
        Bodies(
            new JoinAnswer("pem", new MemberAnswer(s_host, "web", "x.vireo.internal", ["192.0.2.1:6600"]) { CertificatesSince = DateTimeOffset.UnixEpoch }, s_host, []),
            PeerJson.Default.JoinAnswer);
        Bodies(new PeerHello([1, 2], s_host, "web", "0.1"), PeerJson.Default.PeerHello);
        Bodies(new MembersAnswer([new MemberAnswer(s_host, "web", "x.vireo.internal", [])]), PeerJson.Default.MembersAnswer);
        Bodies(new PeerError("InvalidState", "InvalidOperation", "It runs.", "web1"), PeerJson.Default.PeerError);
        Bodies(new RenewRequest("pem"), PeerJson.Default.RenewRequest);
        Bodies(new RenewAnswer("pem"), PeerJson.Default.RenewAnswer);
        Bodies(new AuthorityAnswer("pem"), PeerJson.Default.AuthorityAnswer);
    }

    [Fact]
    public void Lines_are_read_or_refused()
    {
        var item = Encoding.UTF8.GetString(PeerLines.Item(new RenewRequest("pem"), PeerJson.Default.RenewRequest)).TrimEnd();
        var error = Encoding.UTF8.GetString(PeerLines.Error(new PeerError("InvalidState", "InvalidOperation", "It runs.", null))).TrimEnd();
        Assert.Equal((true, new RenewRequest("pem")), PeerLines.Parse(Encoding.UTF8.GetBytes(item), PeerJson.Default.RenewRequest));
        Assert.Throws<PeerRefusalException>(() => PeerLines.Parse(Encoding.UTF8.GetBytes(error), PeerJson.Default.RenewRequest));
        var read = Run(
            () => PeerLines.Parse(JsonDamage.Apply(_random.Next(2) == 0 ? item : error, _random), PeerJson.Default.RenewRequest),
            static failure => failure is CommandException { ErrorId: "ProtocolError" } || (failure is PeerRefusalException refused && refused.ToCommandError("web").Message.Length < 3_000));
        Assert.InRange(read, Rounds / 50, Rounds);
    }

    [Fact]
    public void Certification_requests_and_certificates_are_read_or_refused()
    {
        using var key = PeerCertificates.NewKey();
        var request = PeerCertificates.Request(key);
        using var authority = PeerCertificates.NewAuthority(key, "test", DateTimeOffset.UtcNow, TimeSpan.FromDays(1));
        var pem = authority.ExportCertificatePem();
        using var parsed = SessionCredentials.ParseAuthority(pem);
        Assert.Equal(PeerCertificates.HashOf(new PublicKey(key)), PeerCertificates.HashOf(PeerCertificates.ParseRequest(request)));
        Run(() => PeerCertificates.ParseRequest(Damaged(request)), static failure => failure is CryptographicException, 500);
        Run(() => PeerCertificates.Parse(Damaged(pem)).Select(PeerCertificates.Names).ToList(), static failure => failure is CryptographicException, 500);
        Run(() => SessionCredentials.ParseAuthority(Damaged(pem)), static failure => failure is CryptographicException, 500);
    }

    private void Bodies<T>(T whole, JsonTypeInfo<T> type)
        where T : class
    {
        var text = JsonSerializer.Serialize(whole, type);
        Assert.InRange(
            Run(() => PeerHttp.Parse(JsonDamage.Apply(text, _random), type), static failure => failure is CommandException { ErrorId: "ProtocolError" }), Rounds / 50, Rounds);
    }

    /// <summary>Runs many times; gives how often it was read. Any other failure than the one promised fails the test.</summary>
    private static int Run(Func<object?> parse, Func<Exception, bool> isPromised, int rounds = Rounds)
    {
        var read = 0;
        for (var round = 0; round < rounds; round++)
        {
            try
            {
                parse();
                read++;
            }
            catch (Exception failure) when (isPromised(failure))
            {
                // Refused, as promised.
            }
        }

        return read;
    }

    /// <summary>PEM whose bytes, or whose armour, are damaged.</summary>
    private string Damaged(string pem)
    {
        if (_random.Next(4) == 0)
        {
            return Encoding.Latin1.GetString(Damage(Encoding.ASCII.GetBytes(pem)));
        }

        var fields = PemEncoding.Find(pem);
        return PemEncoding.WriteString(pem[fields.Label], Damage(Convert.FromBase64String(pem[fields.Base64Data])));
    }

    private byte[] Damage(byte[] whole)
    {
        var bytes = (byte[])whole.Clone();
        for (var damages = _random.Next(4); damages > 0 && bytes.Length > 0; damages--)
        {
            var at = _random.Next(bytes.Length);
            switch (_random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)_random.Next(256);
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << _random.Next(8));
                    break;
                case 2:
                    bytes = bytes[..at];
                    break;
                default:
                    bytes = [.. bytes[..at], .. bytes[_random.Next(bytes.Length)..]];
                    break;
            }
        }

        return bytes;
    }
}
