using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Vireo.Control;

/// <summary>
/// The way to a plane: JSON over HTTP on its Unix socket. Every failure is a <see cref="ControlException"/>. Safe to use from several
/// threads; connects when it is first used, and again after the plane was restarted.
/// </summary>
public abstract class ControlClient : IDisposable
{
    private const long MaximumAnswerBytes = 64 << 20;
    private readonly string _plane;
    private readonly string _socketPath;
    private readonly HttpClient _http;

    /// <summary>A client of the plane <paramref name="plane"/> (its name in messages) that listens on <paramref name="socketPath"/>.</summary>
    protected ControlClient(string plane, string socketPath)
    {
        _plane = plane;
        _socketPath = socketPath;
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = ConnectAsync,
            UseProxy = false,
            AllowAutoRedirect = false,

            // Who stops reading an answer stops the work: the connection is closed at once, not read to its end first.
            MaxResponseDrainSize = 0,
        };
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri("http://plane/"),
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = MaximumAnswerBytes,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Body of a request.</summary>
    protected static HttpContent Body<T>(T value, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    /// <summary>Sends a request and reads its answer.</summary>
    protected async Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? body, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var answer = await SendForBytesAsync(method, path, body, cancellationToken).ConfigureAwait(false);
        try
        {
            return JsonSerializer.Deserialize(answer, type) ?? throw Unreadable(path, null);
        }
        catch (JsonException damage)
        {
            throw Unreadable(path, damage);
        }
    }

    /// <summary>Sends a request whose answer is only that it was done.</summary>
    protected async Task SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken) =>
        await SendForBytesAsync(method, path, body, cancellationToken).ConfigureAwait(false);

    /// <summary>Sends a request whose answer is one value a line, handed to <paramref name="take"/> as they come.</summary>
    protected async Task SendForLinesAsync<T>(
        HttpMethod method, string path, HttpContent? body, JsonTypeInfo<T> type, Action<T> take, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = body };
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                throw Refused(path, response.StatusCode, await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false));
            }

            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
            while (await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false) is { } line)
            {
                take(JsonSerializer.Deserialize(line, type) ?? throw Unreadable(path, null));
            }
        }
        catch (HttpRequestException away)
        {
            throw Unreachable(away);
        }
        catch (IOException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Interrupted();
        }
        catch (JsonException damage)
        {
            throw Unreadable(path, damage);
        }
    }

    /// <summary>The plane went away in the middle of an answer.</summary>
    protected ControlException Interrupted() => new PlaneUnreachableException(
        new ControlError("PlaneUnreachable", "ResourceUnavailable", $"The {_plane} plane ended before its work was done; try again.", _socketPath), null);

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
        catch (HttpRequestException away)
        {
            throw Unreachable(away);
        }

        if ((int)status is >= 200 and < 300)
        {
            return answer;
        }

        throw Refused(path, status, answer);
    }

    private ControlException Refused(string path, HttpStatusCode status, byte[] answer)
    {
        ControlError? error = null;
        try
        {
            error = JsonSerializer.Deserialize(answer, ControlJson.Default.ControlError);
        }
        catch (JsonException)
        {
            // Not the plane's own words: the status has to do.
        }

        return error is null ? Unreadable($"{path} ({(int)status})", null) : new ControlException(error);
    }

    private ControlException Unreachable(HttpRequestException away) => away.InnerException is SocketException { SocketErrorCode: SocketError.AccessDenied }
        ? new ControlException(new ControlError("AccessDenied", "PermissionDenied", $"You are not allowed to talk to the {_plane} plane at '{_socketPath}'.", _socketPath), away)
        : new PlaneUnreachableException(
            new ControlError(
                "PlaneUnreachable", "ResourceUnavailable", $"The {_plane} plane does not answer at '{_socketPath}'; start it with 'vireo up'.", _socketPath), away);

    private ControlException Unreadable(string path, Exception? inner) => new(
        new ControlError("OperationFailed", "InvalidResult", $"The {_plane} plane gave an answer to '{path}' that cannot be read; check that both have the same version.", path),
        inner);

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
}

/// <summary>Nobody answers where the plane should be, or it went away before it answered. Requests are idempotent: ask again when it is back.</summary>
public sealed class PlaneUnreachableException(ControlError error, Exception? inner) : ControlException(error, inner);
