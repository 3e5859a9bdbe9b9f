using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Vireo.Surface;

namespace Vireo.Client;

/// <summary>Talks to one host. Safe for use from several threads.</summary>
public sealed class HostClient : IDisposable
{
    // A line holds one object; a machine with hundreds of disks is still far below this.
    private const int MaximumLineBytes = 64 << 20;

    private readonly HostAddress _address;
    private readonly HttpClient _http;

    /// <summary>Makes a client; it connects when it is first used.</summary>
    /// <param name="address">The host.</param>
    /// <param name="credential">Who signs in to a remote host over HTTPS; null relies on the connection.</param>
    public HostClient(HostAddress address, NetworkCredential? credential = null)
    {
        ArgumentNullException.ThrowIfNull(address);
        _address = address;
        var handler = new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false };
        if (address.SocketPath is { } path)
        {
            handler.ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        _http = new HttpClient(handler) { BaseAddress = address.Url ?? new Uri("http://vireo/"), Timeout = Timeout.InfiniteTimeSpan };
        if (credential is not null)
        {
            if (address.Url?.Scheme != Uri.UriSchemeHttps)
            {
                throw new HostUnreachableException(
                    "InvalidParameter", "InvalidArgument", $"A credential is sent over HTTPS only, and '{address.Name}' is not reached that way; leave the credential out.");
            }

            var bytes = System.Text.Encoding.UTF8.GetBytes($"{credential.UserName}:{credential.Password}");
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(bytes));
        }
    }

    /// <summary>The host.</summary>
    public HostAddress Address => _address;

    /// <summary>
    /// Sends a command and gives its records as they come; the last is an <see cref="EndRecord"/>. Cancelling, or leaving the
    /// enumeration, cancels the command on the host.
    /// </summary>
    /// <exception cref="HostUnreachableException">The host does not answer, or broke off.</exception>
    public async IAsyncEnumerable<CommandRecord> SendAsync(
        string command, CommandRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "api/commands/" + Uri.EscapeDataString(command)) { Content = Json(request, SurfaceJson.Default.CommandRequest) };
        using var response = await SendAsync(message, cancellation).ConfigureAwait(false);
        if (response.Content.Headers.ContentType?.MediaType != CommandRecord.MediaType)
        {
            throw await RefusedAsync(response, cancellation).ConfigureAwait(false);
        }

        using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await foreach (var line in LinesAsync(stream, cancellation).ConfigureAwait(false))
        {
            if (Record(line) is { } record)
            {
                yield return record;
                if (record is EndRecord)
                {
                    yield break;
                }
            }
        }

        throw new HostUnreachableException(
            "ConnectionLost", "ConnectionError", $"The connection to {Who} ended before {command} did; 'vireo status' says how the host is.");
    }

    /// <summary>Answers a question; false when the command no longer waits for it.</summary>
    public async Task<bool> ReplyAsync(Guid question, Answer answer, CancellationToken cancellation = default)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, $"api/questions/{question}") { Content = Json(new QuestionReply(answer), SurfaceJson.Default.QuestionReply) };
        using var response = await SendAsync(message, cancellation).ConfigureAwait(false);
        return response.StatusCode == HttpStatusCode.NoContent;
    }

    /// <summary>Gets a JSON document, for example <c>api/status</c>.</summary>
    public Task<JsonElement> GetAsync(string path, CancellationToken cancellation = default) => AskAsync(HttpMethod.Get, path, cancellation);

    /// <summary>Asks for something to be done, for example <c>api/stop-actions</c>; the answer is a JSON document.</summary>
    public Task<JsonElement> PostAsync(string path, CancellationToken cancellation = default) => AskAsync(HttpMethod.Post, path, cancellation);

    /// <summary>Asks for something to be done, with a JSON document.</summary>
    /// <returns>Whether it was done, and the answer; else the refusal: <c>errorId</c>, <c>category</c> and <c>message</c>.</returns>
    /// <exception cref="HostUnreachableException">The host does not answer, or refuses the caller.</exception>
    public async Task<(bool IsDone, JsonElement Answer)> TryPostAsync(string path, string json, CancellationToken cancellation = default)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, System.Text.Encoding.UTF8, "application/json") };
        using var response = await SendAsync(message, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode && response.StatusCode != HttpStatusCode.Conflict)
        {
            throw await RefusedAsync(response, cancellation).ConfigureAwait(false);
        }

        using var document = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false), default, cancellation).ConfigureAwait(false);
        return (response.IsSuccessStatusCode, document.RootElement.Clone());
    }

    /// <summary>Makes a connection of its own into something else than HTTP, for example into a console.</summary>
    /// <exception cref="HostUnreachableException">The host does not answer, or refuses.</exception>
    public async Task<Stream> UpgradeAsync(string path, string protocol, CancellationToken cancellation = default)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, path);
        message.Headers.Connection.Add("Upgrade");
        message.Headers.Upgrade.Add(new ProductHeaderValue(protocol));
        var response = await SendAsync(message, cancellation).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.SwitchingProtocols)
        {
            using (response)
            {
                throw response.StatusCode == HttpStatusCode.Conflict
                    ? new HostUnreachableException("InvalidState", "InvalidOperation", (await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false)).Trim())
                    : await RefusedAsync(response, cancellation).ConfigureAwait(false);
            }
        }

        // The response is the connection; it ends with the stream.
        return await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
    }

    private async Task<JsonElement> AskAsync(HttpMethod method, string path, CancellationToken cancellation)
    {
        using var message = new HttpRequestMessage(method, path);
        using var response = await SendAsync(message, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw await RefusedAsync(response, cancellation).ConfigureAwait(false);
        }

        using var document = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false), default, cancellation).ConfigureAwait(false);
        return document.RootElement.Clone();
    }

    /// <summary>Gets a stream of JSON lines, for example <c>api/events</c>.</summary>
    public async IAsyncEnumerable<JsonElement> FollowAsync(string path, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, path);
        using var response = await SendAsync(message, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw await RefusedAsync(response, cancellation).ConfigureAwait(false);
        }

        using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await foreach (var line in LinesAsync(stream, cancellation).ConfigureAwait(false))
        {
            yield return line;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static ByteArrayContent Json<T>(T value, JsonTypeInfo<T> type)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage message, CancellationToken cancellation)
    {
        try
        {
            return await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
        }
        catch (HttpRequestException error)
        {
            throw Unreachable(error);
        }
    }

    private HostUnreachableException Unreachable(HttpRequestException error)
    {
        var socket = (error.InnerException as SocketException)?.SocketErrorCode;
        if (_address.SocketPath is not { } path)
        {
            return new HostUnreachableException(
                "ObjectNotFound", "ObjectNotFound", $"The host '{_address.Name}' does not answer ({error.InnerException?.Message ?? error.Message}). Hosts of this version listen on their Unix socket only: run vireo there (with ssh), or name another host of this machine as unix:/path.",
                error);
        }

        return socket == SocketError.AccessDenied
            ? new HostUnreachableException(
                "ObjectNotFound", "ObjectNotFound", $"You may not talk to the Vireo host at {path}; become root, or join the group 'vireo-admins'.", error)
            { IsRefusal = true }
            : new HostUnreachableException(
                "ObjectNotFound", "ObjectNotFound", $"The Vireo host is not running (nothing answers at {path}); start it with 'vireo up'.", error);
    }

    private async Task<HostUnreachableException> RefusedAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var text = await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
        return response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized
            ? new HostUnreachableException("AccessDenied", "PermissionDenied", $"{Sentence(Who)} refuses you; become root, or join the group 'vireo-admins'.")
            : new HostUnreachableException("OperationFailed", "ProtocolError", $"{Sentence(Who)} answered {(int)response.StatusCode} {response.ReasonPhrase}{(text.Length is > 0 and < 300 ? ": " + text : "")}.");
    }

    private async IAsyncEnumerable<JsonElement> LinesAsync(Stream stream, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var buffer = new byte[16 << 10];
        int start = 0, end = 0;
        for (; ; )
        {
            var lineFeed = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (lineFeed >= 0)
            {
                var line = buffer.AsMemory(start, lineFeed);
                start += lineFeed + 1;
                if (!line.IsEmpty)
                {
                    yield return Parse(line.Span);
                }

                continue;
            }

            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                end -= start;
                start = 0;
            }

            if (end == buffer.Length)
            {
                if (buffer.Length >= MaximumLineBytes)
                {
                    throw new HostUnreachableException("ProtocolError", "ProtocolError", $"{Sentence(Who)} sent a line that is too long.");
                }

                Array.Resize(ref buffer, buffer.Length * 2);
            }

            int read;
            try
            {
                read = await stream.ReadAsync(buffer.AsMemory(end), cancellation).ConfigureAwait(false);
            }
            catch (IOException error)
            {
                throw new HostUnreachableException("ConnectionLost", "ConnectionError", $"The connection to {Who} broke; 'vireo status' says how the host is.", error);
            }

            if (read == 0)
            {
                yield break;
            }

            end += read;
        }
    }

    private CommandRecord? Record(JsonElement line)
    {
        try
        {
            return CommandRecord.Read(line);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException)
        {
            throw Garbled(error);
        }
    }

    private JsonElement Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            return JsonElement.ParseValue(ref reader);
        }
        catch (JsonException error)
        {
            throw Garbled(error);
        }
    }

    private HostUnreachableException Garbled(Exception error) => new(
        "ProtocolError", "ProtocolError", $"{Sentence(Who)} sent what is no answer to a command ({error.Message}); is it another version, or no Vireo host at all?", error);

    /// <summary>The host in the middle of a sentence.</summary>
    private string Who => _address switch
    {
        { SocketPath: null } => $"the host '{_address.Name}'",
        { Name: "." } => "the Vireo host",
        _ => $"the Vireo host at {_address.SocketPath}",
    };

    private static string Sentence(string text) => string.Concat(text[..1].ToUpperInvariant(), text[1..]);
}
