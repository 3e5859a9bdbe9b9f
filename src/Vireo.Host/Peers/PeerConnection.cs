using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;

namespace Vireo.Host.Peers;

/// <summary>Whom to connect to.</summary>
/// <param name="Called">What a person called it.</param>
/// <param name="Place">Where.</param>
/// <param name="Expected">Who must answer; any trusted host when null.</param>
internal sealed record PeerTarget(string Called, IPEndPoint Place, PeerRecord? Expected);

/// <summary>
/// A way to another host that has proved who it is. Calls are JSON over HTTPS; several may go at once. A refusal there is thrown here as the
/// <see cref="CommandException"/> that it was, with the name of that host before it; a link that breaks is <c>PeerConnectionLost</c>.
/// </summary>
internal sealed class PeerConnection : IDisposable
{
    private readonly HttpClient _http;
    private readonly PeerTarget _target;
    private readonly TrustState _trust;
    private readonly TimeProvider _time;
    private volatile PeerVerification? _seen;

    private readonly bool _isBlind;

    private PeerConnection(PeerTarget target, TrustState trust, TimeProvider time, bool isBlind = false)
    {
        _isBlind = isBlind;
        _target = target;
        _trust = trust;
        _time = time;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            MaxResponseHeadersLength = 16,
            ResponseDrainTimeout = TimeSpan.Zero,
            PooledConnectionIdleTimeout = PeerLimits.Idle / 2,
            ConnectCallback = ConnectAsync,
            SslOptions = new SslClientAuthenticationOptions
            {
                TargetHost = target.Expected?.CertificateName ?? target.Place.Address.ToString(),
                ClientCertificateContext = trust.Context,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                AllowTlsResume = false,
                ApplicationProtocols = [SslApplicationProtocol.Http11],
                RemoteCertificateValidationCallback = Accept,
            },
        };
        _http = new HttpClient(handler) { BaseAddress = new Uri($"https://{target.Place}/"), Timeout = Timeout.InfiniteTimeSpan, DefaultRequestVersion = HttpVersion.Version11 };
        Peer = new PeerHost(target.Expected?.Id ?? Guid.Empty, target.Called);
        Hello = new PeerHello([], Guid.Empty, target.Called, "");
    }

    /// <summary>Who it is.</summary>
    public PeerHost Peer { get; private set; }

    /// <summary>Where it is.</summary>
    public IPEndPoint Address => _target.Place;

    /// <summary>The address of this host on the way to it; null before the first connection.</summary>
    public IPAddress? LocalAddress { get; private set; }

    /// <summary>What it said of itself.</summary>
    public PeerHello Hello { get; private set; }

    /// <summary>The version that is spoken with it.</summary>
    public int Version { get; private set; }

    /// <summary>Connects, looks who answers, and agrees on a version.</summary>
    /// <exception cref="CommandException">It does not answer, is not believed, does not believe this host, or speaks another version.</exception>
    public static async Task<PeerConnection> OpenAsync(
        PeerTarget target, TrustState trust, HostFacts facts, IReadOnlyList<int> versions, TimeProvider time, CancellationToken cancellation)
    {
        var connection = new PeerConnection(target, trust, time);
        try
        {
            await connection.GreetAsync(facts, versions, cancellation);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A way for somebody who is not trusted yet and comes with an invitation.
    /// </summary>
    /// <param name="target">Where; who is expected counts unless the way is blind.</param>
    /// <param name="trust">What is believed: the authority of the invitation.</param>
    /// <param name="version">Version of the protocol.</param>
    /// <param name="time">Clock.</param>
    /// <param name="isBlind">Whoever answers is taken: good for nothing but asking for the authority's certificate, which the invitation tells from a wrong one.</param>
    public static PeerConnection AsGuest(PeerTarget target, TrustState trust, int version, TimeProvider time, bool isBlind) => new(target, trust, time, isBlind) { Version = version };

    /// <summary>Asks for an object.</summary>
    public Task<TAnswer> GetAsync<TAnswer>(string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation, TimeSpan? limit = null)
        where TAnswer : class => CallAsync(HttpMethod.Get, path, null, answer, limit, cancellation);

    /// <summary>Sends an object and gets one.</summary>
    public Task<TAnswer> PostAsync<TRequest, TAnswer>(
        string path, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation, TimeSpan? limit = null)
        where TAnswer : class => CallAsync(HttpMethod.Post, path, Json(request, requestType), answer, limit, cancellation);

    /// <summary>Sends an object; the answer has nothing in it.</summary>
    public async Task PostAsync<TRequest>(string path, TRequest request, JsonTypeInfo<TRequest> requestType, CancellationToken cancellation, TimeSpan? limit = null)
    {
        using var message = Message(HttpMethod.Post, path, Json(request, requestType));
        using var response = await SendAsync(message, limit ?? PeerLimits.Answer, cancellation);
    }

    /// <summary>Sends what is too long for one object, for as long as it takes; the answer is an object.</summary>
    public async Task<TAnswer> UploadAsync<TAnswer>(string path, HttpContent content, IReadOnlyList<(string Name, string Value)> headers, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation)
        where TAnswer : class
    {
        ArgumentNullException.ThrowIfNull(headers);
        using var message = Message(HttpMethod.Post, path, content);
        foreach (var (name, value) in headers)
        {
            message.Headers.Add(name, value);
        }

        using var response = await SendAsync(message, Timeout.InfiniteTimeSpan, cancellation);
        return PeerHttp.Parse(await ReadAsync(response, PeerLimits.Answer, cancellation), answer);
    }

    /// <summary>Has something removed.</summary>
    public async Task DeleteAsync(string path, CancellationToken cancellation, TimeSpan? limit = null)
    {
        using var message = Message(HttpMethod.Delete, path, null);
        using var response = await SendAsync(message, limit ?? PeerLimits.Answer, cancellation);
    }

    /// <summary>
    /// Asks for objects that come over time (<see cref="PeerHttp.StreamAsync"/> there). It ends when all were seen, with the other host's error, or when the link is silent for
    /// longer than it may be.
    /// </summary>
    public IAsyncEnumerable<TItem> StreamAsync<TRequest, TItem>(string path, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TItem> item, CancellationToken cancellation)
        where TItem : class => LinesAsync(Message(HttpMethod.Post, path, Json(request, requestType)), item, cancellation);

    /// <summary>The same, without an object to send.</summary>
    public IAsyncEnumerable<TItem> StreamAsync<TItem>(string path, JsonTypeInfo<TItem> item, CancellationToken cancellation)
        where TItem : class => LinesAsync(Message(HttpMethod.Get, path, null), item, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static ByteArrayContent Json<T>(T value, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private HttpRequestMessage Message(HttpMethod method, string path, HttpContent? content)
    {
        var message = new HttpRequestMessage(method, path) { Content = content };
        if (Version > 0)
        {
            message.Headers.Add(PeerProtocol.VersionHeader, Version.ToString(CultureInfo.InvariantCulture));
        }

        return message;
    }

    private async Task GreetAsync(HostFacts facts, IReadOnlyList<int> versions, CancellationToken cancellation)
    {
        Hello = await GetAsync(PeerGate.HelloPath, PeerJson.Default.PeerHello, cancellation, PeerLimits.Answer);
        var common = versions.Intersect(Hello.Protocols).DefaultIfEmpty().Max();
        if (common == 0)
        {
            throw PeerErrors.VersionMismatch(
                facts.Name, versions, facts.Version, Peer.Name, $"{PeerProtocol.Describe([.. Hello.Protocols.Take(16)])} (Vireo {PeerVerifier.Printable(Hello.Software)})");
        }

        Version = common;
    }

    private async Task<TAnswer> CallAsync<TAnswer>(HttpMethod method, string path, HttpContent? content, JsonTypeInfo<TAnswer> type, TimeSpan? limit, CancellationToken cancellation)
        where TAnswer : class
    {
        using var message = Message(method, path, content);
        using var response = await SendAsync(message, limit ?? PeerLimits.Answer, cancellation);
        return PeerHttp.Parse(await ReadAsync(response, limit ?? PeerLimits.Answer, cancellation), type);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage message, TimeSpan limit, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, both.Token);
        }
        catch (HttpRequestException error)
        {
            throw Failure(error);
        }
        catch (Exception broken) when (broken is SocketException or IOException)
        {
            // The pool does not wrap what breaks between connecting and the first byte.
            throw Failure(new HttpRequestException(broken.Message, broken));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Silent($"it did not answer within {limit.TotalSeconds:0} s");
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            var body = await ReadAsync(response, limit, cancellation);
            PeerError error;
            try
            {
                error = PeerHttp.Parse(body, PeerJson.Default.PeerError);
            }
            catch (CommandException)
            {
                throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The host '{Peer.Name}' ({Address}) answered {(int)response.StatusCode}, which is no answer of the protocol of hosts.", Peer.Name);
            }

            throw new PeerRefusalException(error).ToCommandError(Peer.Name);
        }
    }

    private async Task<byte[]> ReadAsync(HttpResponseMessage response, TimeSpan limit, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(limit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            var stream = await response.Content.ReadAsStreamAsync(both.Token);
            await using var disposed = stream.ConfigureAwait(false);
            using var whole = new MemoryStream();
            var piece = new byte[16 << 10];
            for (int read; (read = await stream.ReadAsync(piece, both.Token)) > 0;)
            {
                whole.Write(piece, 0, read);
                if (whole.Length > PeerLimits.BodyBytes)
                {
                    throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The host '{Peer.Name}' sent an answer that is too long.", Peer.Name);
                }
            }

            return whole.ToArray();
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw PeerErrors.Lost(Peer.Name, error.Message, error);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Silent($"it did not answer within {limit.TotalSeconds:0} s");
        }
    }

    private async IAsyncEnumerable<TItem> LinesAsync<TItem>(HttpRequestMessage message, JsonTypeInfo<TItem> type, [EnumeratorCancellation] CancellationToken cancellation)
        where TItem : class
    {
        using var sent = message;
        using var response = await SendAsync(message, PeerLimits.Answer, cancellation);
        var stream = await response.Content.ReadAsStreamAsync(cancellation);
        await using var disposed = stream.ConfigureAwait(false);
        var buffer = new byte[16 << 10];
        int start = 0, end = 0;
        while (true)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                var (more, item) = Parse(buffer.AsSpan(start, length), type);
                start += length + 1;
                if (item is not null)
                {
                    yield return item;
                }

                if (!more)
                {
                    yield break;
                }

                continue;
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            if (end == buffer.Length)
            {
                if (buffer.Length >= PeerLimits.BodyBytes)
                {
                    throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"The host '{Peer.Name}' sent a line that is too long.", Peer.Name);
                }

                Array.Resize(ref buffer, buffer.Length * 2);
            }

            end += await ReadPieceAsync(stream, buffer.AsMemory(end), cancellation);
        }
    }

    private (bool More, TItem? Item) Parse<TItem>(ReadOnlySpan<byte> line, JsonTypeInfo<TItem> type)
        where TItem : class
    {
        try
        {
            return PeerLines.Parse(line, type);
        }
        catch (PeerRefusalException refused)
        {
            throw refused.ToCommandError(Peer.Name);
        }
    }

    private async Task<int> ReadPieceAsync(Stream stream, Memory<byte> piece, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(PeerLimits.Silence, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            var read = await stream.ReadAsync(piece, both.Token);
            return read > 0 ? read : throw PeerErrors.Lost(Peer.Name, "it ended before all was said", null);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw PeerErrors.Lost(Peer.Name, error.Message, error);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Silent($"it was silent for {PeerLimits.Silence.TotalSeconds:0} s");
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        using var patience = new CancellationTokenSource(PeerLimits.Connect, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        var socket = new Socket(_target.Place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(_target.Place, both.Token);
            PeerSockets.Prepare(socket);
            LocalAddress = (socket.LocalEndPoint as IPEndPoint)?.Address;
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private bool Accept(object sender, X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors)
    {
        if (_isBlind)
        {
            return true;
        }

        using var certificate = shown is null ? null : X509CertificateLoader.LoadCertificate(shown.GetRawCertData());
        var who = PeerVerifier.Verify(_trust, certificate, chain?.ChainPolicy.ExtraStore, ofServer: true, _time.GetUtcNow());
        _seen = who;
        if (who.Verdict != PeerVerdict.Trusted || (_target.Expected is { } expected && expected.CertificateName != who.Peer!.CertificateName))
        {
            return false;
        }

        Peer = new PeerHost(who.Peer!.Id, who.Peer.Name);
        return true;
    }

    private CommandException Failure(HttpRequestException error)
    {
        if (_seen is null)
        {
            return error.InnerException is AuthenticationException or IOException
                ? PeerErrors.NotTrusted(_target.Called, Address.ToString(), $"it is no Vireo host ({error.InnerException.Message})")
                : PeerErrors.Unreachable(_target.Called, $"{Address}: {error.Message}", error.InnerException ?? error);
        }

        if (_seen.Verdict != PeerVerdict.Trusted)
        {
            return PeerErrors.NotTrusted(_target.Called, Address.ToString(), _seen.Reason);
        }

        if (_target.Expected is { } expected && expected.CertificateName != _seen.Peer!.CertificateName)
        {
            return PeerErrors.NotTrusted(_target.Called, Address.ToString(), $"it is the host '{_seen.Peer.Name}'");
        }

        // Ours was the last word of the handshake (TLS 1.3): whoever does not like it says so by hanging up.
        return Version == 0 ? PeerErrors.Refused(Peer.Name, Address.ToString(), error) : PeerErrors.Lost(Peer.Name, error.InnerException?.Message ?? error.Message, error);
    }

    private CommandException Silent(string reason) => Version == 0
        ? PeerErrors.Unreachable(_target.Called, $"{Address}: {reason}", new TimeoutException(reason))
        : PeerErrors.Lost(Peer.Name, reason, null);
}
