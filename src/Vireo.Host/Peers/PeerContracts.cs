using System.Text.Json.Serialization;

namespace Vireo.Host.Peers;

/// <summary>Answer to <c>GET /peer/hello</c>.</summary>
/// <param name="Protocols">Versions that the host speaks.</param>
/// <param name="HostId">Its identity.</param>
/// <param name="Name">Its name.</param>
/// <param name="Software">Version of Vireo.</param>
internal sealed record PeerHello(IReadOnlyList<int> Protocols, Guid HostId, string Name, string Software)
{
    /// <summary>Whether it takes machines: <c>Enable-VMMigration</c> was done there.</summary>
    public bool MigrationEnabled { get; set; }
}

/// <summary>Body of every refusal: what an error of a command is made of.</summary>
/// <param name="ErrorId">Stable identifier.</param>
/// <param name="Category">Name of a PowerShell error category.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Target">The object.</param>
internal sealed record PeerError(string ErrorId, string Category, string Message, string? Target);

/// <summary>Answer to <c>GET /peer/authority</c>, which also who is not trusted yet may ask while an invitation is open.</summary>
/// <param name="Certificates">Certificates of the authority (PEM).</param>
internal sealed record AuthorityAnswer(string Certificates);

/// <summary>Body of <c>POST /peer/join</c>.</summary>
/// <param name="Invitation">From the token.</param>
/// <param name="Secret">From the token.</param>
/// <param name="HostId">Who comes.</param>
/// <param name="Name">Its name.</param>
/// <param name="Port">Where it listens.</param>
/// <param name="Addresses">Its addresses.</param>
/// <param name="Request">What is to be certified: a certification request (PKCS #10, PEM); null when it has a certificate of the authority.</param>
/// <param name="Certificate">That certificate, and those between it and the authority's (PEM).</param>
internal sealed record JoinRequest(
    Guid Invitation, string Secret, Guid HostId, string Name, int Port, IReadOnlyList<string> Addresses, string? Request, string? Certificate);

/// <summary>Answer to <see cref="JoinRequest"/>.</summary>
/// <param name="Certificate">Certificate made for the guest (PEM); null when it has its own.</param>
/// <param name="Host">The host that it joined.</param>
/// <param name="AuthorityHost">Host that has the authority's key; null when that is no host.</param>
/// <param name="Members">Other hosts that this one trusts.</param>
internal sealed record JoinAnswer(string? Certificate, MemberAnswer Host, Guid? AuthorityHost, IReadOnlyList<MemberAnswer> Members);

/// <summary>A host, as one tells another of it.</summary>
/// <param name="Id">Identity.</param>
/// <param name="Name">Name.</param>
/// <param name="CertificateName">Name in its certificate.</param>
/// <param name="Addresses">Where it listens.</param>
internal sealed record MemberAnswer(Guid Id, string Name, string CertificateName, IReadOnlyList<string> Addresses)
{
    /// <summary>It is trusted no longer.</summary>
    public bool Removed { get; set; }

    /// <summary>Its certificates of before are refused.</summary>
    public DateTimeOffset? CertificatesSince { get; set; }
}

/// <summary>Answer to <c>GET /peer/members</c>, asked of the host that has the authority's key.</summary>
/// <param name="Members">All that it trusts, or has trusted.</param>
internal sealed record MembersAnswer(IReadOnlyList<MemberAnswer> Members);

/// <summary>Body of <c>POST /peer/renew</c>.</summary>
/// <param name="Request">Certification request (PKCS #10, PEM).</param>
internal sealed record RenewRequest(string Request);

/// <summary>Answer to it.</summary>
/// <param name="Certificate">The new certificate (PEM).</param>
internal sealed record RenewAnswer(string Certificate);

/// <summary>JSON of the routes that the peers' endpoint itself has. A room that maps more has its own context.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PeerHello))]
[JsonSerializable(typeof(PeerError))]
[JsonSerializable(typeof(AuthorityAnswer))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(JoinAnswer))]
[JsonSerializable(typeof(MembersAnswer))]
[JsonSerializable(typeof(RenewRequest))]
[JsonSerializable(typeof(RenewAnswer))]
internal sealed partial class PeerJson : JsonSerializerContext;
