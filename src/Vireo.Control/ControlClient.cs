using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Vireo.Control;

/// <summary>
/// Talks JSON over HTTP to a plane that listens on a Unix socket. Connects when it is first used. Every failure, also that nobody
/// answers, is a <see cref="ControlException"/>. Safe to use from several threads.
/// </summary>
public abstract class ControlClient : IDisposable
{
    /// <summary>Id of the error that is reported when nobody answers; the request may or may not have been carried out.</summary>
    public const string PlaneUnreachable = "PlaneUnreachable";

    private readonly string _plane;
    private readonly string _socketPath;
    private readonly JsonTypeInfo<ControlError> _errorType;
    private readonly HttpClient _http;

    /// <summary>A client of one plane.</summary>
    /// <param name="plane">What people call it, for example <c>switch plane</c>.</param>
    /// <param name="socketPath">Where it listens.</param>
    /// <param name="errorType">How to read its refusals.</param>
    protected ControlClient(string plane, string socketPath, JsonTypeInfo<ControlError> errorType)
    {
        _plane = plane;
        _socketPath = socketPath;
        _errorType = errorType;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync, UseProxy = false, AllowAutoRedirect = false })
        {
            BaseAddress = new Uri("http://plane/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A request body.</summary>
    protected static HttpContent Body<T>(T value, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    /// <summary>Sends a request and reads the answer.</summary>
    /// <exception cref="ControlException">The plane refused, or did not answer.</exception>
    protected async Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? body, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var answer = await SendForBytesAsync(method, path, body, cancellationToken).ConfigureAwait(false);
        try
        {
            return JsonSerializer.Deserialize(answer, type) ?? throw Unreadable(path, null);
        }
        catch (JsonException exception)
        {
            throw Unreadable(path, exception);
        }
    }

    /// <summary>Sends a request whose answer holds nothing.</summary>
    /// <exception cref="ControlException">The plane refused, or did not answer.</exception>
    protected async Task SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken) =>
        await SendForBytesAsync(method, path, body, cancellationToken).ConfigureAwait(false);

    private async Task<byte[]> SendForBytesAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
    {
        HttpStatusCode status;
        byte[] answer;
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = body };
            using var response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            status = response.StatusCode;
            answer = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw Unreachable(exception);
        }

        if (status < HttpStatusCode.MultipleChoices)
        {
            return answer;
        }

        try
        {
            throw JsonSerializer.Deserialize(answer, _errorType) is { } error ? new ControlException(error) : Unreadable(path, null);
        }
        catch (JsonException exception)
        {
            throw Unreadable(path, exception);
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socketPath), cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private ControlException Unreachable(Exception exception) =>
        exception.InnerException is SocketException { SocketErrorCode: SocketError.AccessDenied }
            ? new(new ControlError("AccessDenied", "PermissionDenied", $"You are not allowed to talk to the {_plane} at '{_socketPath}'.", _socketPath), exception)
            : new(
                new ControlError(
                    PlaneUnreachable, "ResourceUnavailable",
                    $"The {_plane} is not running: nobody answers at '{_socketPath}'. Start it with 'vireo up'.", _socketPath),
                exception);

    private ControlException Unreadable(string path, Exception? inner) =>
        new(
            new ControlError(
                "OperationFailed", "InvalidResult", $"The {_plane} gave an answer to '{path}' that cannot be read; check that both have the same version.", path),
            inner);
}
