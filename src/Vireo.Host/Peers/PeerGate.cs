using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Control;

namespace Vireo.Host.Peers;

/// <summary>What was seen of a caller when its connection was encrypted.</summary>
/// <param name="Certificate">Its certificate; null for somebody who may only join.</param>
internal sealed record CallerCertificate(X509Certificate2? Certificate);

/// <summary>
/// Stands before every route of the peers' endpoint. In this order: a certificate that is still believed, a version that is spoken here, migration enabled for what other rooms
/// offer. Somebody without a certificate gets as far as joining, while an invitation is open. A host that is removed loses its requests under way.
/// </summary>
/// <param name="trust">Whom this host believes.</param>
/// <param name="settings">Settings and facts of this host.</param>
/// <param name="versions">Versions of the protocol that are spoken here.</param>
/// <param name="refusals">Where refusals are told.</param>
/// <param name="time">Clock.</param>
/// <param name="log">Where unforeseen errors go.</param>
internal sealed partial class PeerGate(TrustStore trust, IHostSettings settings, IReadOnlyList<int> versions, RefusalLog refusals, TimeProvider time, ILogger log)
{
    /// <summary>Says versions and names; is answered in every version, for ever.</summary>
    public const string HelloPath = "/peer/hello";

    /// <summary>What a guest may ask.</summary>
    public const string AuthorityPath = "/peer/authority";

    /// <summary>What a guest may do.</summary>
    public const string JoinPath = "/peer/join";

    /// <summary>What trusted hosts may ask also where migration is not enabled.</summary>
    public const string MembersPath = "/peer/members";

    /// <summary>The same.</summary>
    public const string RenewPath = "/peer/renew";

    /// <summary>The same.</summary>
    public const string RefreshPath = "/peer/refresh";

    private readonly ConcurrentDictionary<HttpContext, X509Certificate2> _active = new();

    /// <summary>Whether somebody without a certificate may come.</summary>
    public bool IsOpenToGuests => trust.Current.File.Invitations.Any(invitation => invitation.Expires > time.GetUtcNow());

    /// <summary>Ends what hosts that are believed no longer have under way.</summary>
    public void AbortDistrusted()
    {
        foreach (var (context, certificate) in _active)
        {
            if (PeerVerifier.Authorize(trust.Current, certificate, time.GetUtcNow()).Verdict != PeerVerdict.Trusted)
            {
                context.Abort();
            }
        }
    }

    /// <summary>Lets a request through, or refuses it.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            var certificate = Admit(context);
            if (certificate is null)
            {
                await next(context);
                return;
            }

            _active[context] = certificate;
            try
            {
                await next(context);
            }
            finally
            {
                _active.TryRemove(context, out _);
            }
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller left, or may not stay.
        }
        catch (CommandException error) when (!context.Response.HasStarted)
        {
            await PeerHttp.RefuseAsync(context, StatusOf(error), error);
        }
        catch (ControlException refused) when (!context.Response.HasStarted)
        {
            await PeerHttp.RefuseAsync(context, StatusCodes.Status409Conflict, PlaneErrors.ToCommandError(refused));
        }
        catch (BadHttpRequestException bad) when (!context.Response.HasStarted)
        {
            await PeerHttp.RefuseAsync(context, bad.StatusCode, new CommandException("ProtocolError", ErrorCategory.ProtocolError, bad.Message));
        }
        catch (Exception error) when (!context.Response.HasStarted)
        {
            // What is inside is nobody else's business: it is in the log.
            LogFailure(context.Request.Path, error);
            await PeerHttp.RefuseAsync(context, StatusCodes.Status500InternalServerError, new CommandException("OperationFailed", ErrorCategory.NotSpecified, "It failed there in an unforeseen way; the log of that host says more."));
        }
    }

    private static int StatusOf(CommandException error) => error.Category switch
    {
        ErrorCategory.InvalidArgument or ErrorCategory.ProtocolError => StatusCodes.Status400BadRequest,
        ErrorCategory.ObjectNotFound => StatusCodes.Status404NotFound,
        ErrorCategory.PermissionDenied or ErrorCategory.AuthenticationError => StatusCodes.Status403Forbidden,
        _ => StatusCodes.Status409Conflict,
    };

    /// <summary>The certificate that the request is made with; null for a guest.</summary>
    private X509Certificate2? Admit(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        var isForGuests = path is AuthorityPath or JoinPath;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
        {
            body.MaxRequestBodySize = isForGuests ? PeerLimits.GuestBodyBytes : PeerLimits.BodyBytes;
        }

        if (isForGuests)
        {
            RequireVersion(context.Request.Headers[PeerProtocol.VersionHeader]);
            return IsOpenToGuests ? null : throw Refuse(context, "nobody", "no invitation is open");
        }

        var certificate = context.Features.Get<CallerCertificate>()?.Certificate;
        if (certificate is null)
        {
            throw Refuse(context, "nobody", "it showed no certificate");
        }

        var who = PeerVerifier.Authorize(trust.Current, certificate, time.GetUtcNow());
        if (who.Verdict != PeerVerdict.Trusted)
        {
            throw Refuse(context, who.Subject, who.Reason);
        }

        context.Items[typeof(PeerHost)] = new PeerHost(who.Peer!.Id, who.Peer.Name);
        if (path == HelloPath)
        {
            return certificate;
        }

        RequireVersion(context.Request.Headers[PeerProtocol.VersionHeader]);
        return settings.Current.VirtualMachineMigrationEnabled || path is MembersPath or RenewPath or RefreshPath ? certificate : throw new CommandException(
            "MigrationNotEnabled", ErrorCategory.NotEnabled, $"Live migration is not enabled on the host '{settings.Facts.Name}'; 'Enable-VMMigration' there does that.", settings.Facts.Name);
    }

    private void RequireVersion(string? asked)
    {
        if (!int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var version) || !versions.Contains(version))
        {
            throw PeerErrors.VersionMismatch(
                settings.Facts.Name, versions, settings.Facts.Version, "the caller", asked is null ? "none that it names" : PeerVerifier.Printable(asked));
        }
    }

    private CommandException Refuse(HttpContext context, string who, string reason)
    {
        refusals.Refused(who, context.Connection.RemoteIpAddress?.ToString() ?? "an unknown address", reason);
        return new CommandException("PeerRefused", ErrorCategory.PermissionDenied, $"The host '{settings.Facts.Name}' refuses the host '{who}': {reason}.", who);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A request of another host, {Path}, failed in an unforeseen way")]
    private partial void LogFailure(string path, Exception error);
}
