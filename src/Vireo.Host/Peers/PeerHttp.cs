using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Vireo.Commands.Framework;
using Vireo.Platform.Text;

namespace Vireo.Host.Peers;

/// <summary>Reads requests and writes answers of the peers' protocol.</summary>
internal static class PeerHttp
{
    /// <summary>The body of a request.</summary>
    /// <exception cref="CommandException">It is not what it must be.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted) ?? throw NotUnderstood("it is empty");
        }
        catch (JsonException damage)
        {
            throw NotUnderstood(damage.Message);
        }
    }

    /// <summary>Reads a JSON document that another host sent, all of it.</summary>
    /// <exception cref="CommandException">It is not what it must be.</exception>
    public static T Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw NotUnderstood("it is empty");
        }
        catch (JsonException damage)
        {
            throw NotUnderstood(damage.Message);
        }
    }

    /// <summary>Answers with an object.</summary>
    public static async Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>Refuses.</summary>
    public static Task RefuseAsync(HttpContext context, int status, CommandException error)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, ErrorOf(error), PeerJson.Default.PeerError);
    }

    /// <summary>
    /// Answers with objects as they come, for as long as it takes: the caller sees each at once, knows that the link is there, and whether it has seen all. An error on the
    /// way reaches it as such.
    /// </summary>
    public static async Task StreamAsync<T>(HttpContext context, IAsyncEnumerable<T> items, JsonTypeInfo<T> type, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(items);
        context.Response.ContentType = PeerProtocol.LinesMediaType;
        context.Response.Headers.CacheControl = "no-store";
        var gone = context.RequestAborted;
        await context.Response.StartAsync(gone);
        await context.Response.Body.FlushAsync(gone);
        var next = items.GetAsyncEnumerator(gone);
        await using var disposed = next.ConfigureAwait(false);
        while (true)
        {
            var coming = next.MoveNextAsync().AsTask();
            bool more;
            try
            {
                while (!coming.IsCompleted && await Task.WhenAny(coming, Task.Delay(PeerLimits.Heartbeat, time, gone)) != coming)
                {
                    gone.ThrowIfCancellationRequested();
                    await SendAsync(context, PeerLines.Heartbeat);
                }

                more = await coming;
            }
            catch (CommandException error)
            {
                await SendAsync(context, PeerLines.Error(ErrorOf(error)));
                return;
            }
            catch (OperationCanceledException) when (gone.IsCancellationRequested)
            {
                // The caller left; an enumerator is not left in the middle of a step.
                await coming.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                return;
            }

            await SendAsync(context, more ? PeerLines.Item(next.Current, type) : PeerLines.End);
            if (!more)
            {
                return;
            }
        }
    }

    private static async Task SendAsync(HttpContext context, ReadOnlyMemory<byte> line)
    {
        await context.Response.Body.WriteAsync(line, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private static PeerError ErrorOf(CommandException error) => new(error.ErrorId, error.Category.ToString(), error.Message, error.TargetObject?.ToString());

    private static CommandException NotUnderstood(string why) => new(
        "ProtocolError", ErrorCategory.ProtocolError, $"What the host sent is not what the protocol of hosts says: {why}");
}

/// <summary>Lines of a streamed answer: <c>{"item":...}</c>, at the end <c>{"end":true}</c> or <c>{"error":...}</c>, and empty ones as a sign of life.</summary>
internal static class PeerLines
{
    /// <summary>A sign of life.</summary>
    public static ReadOnlyMemory<byte> Heartbeat { get; } = "\n"u8.ToArray();

    /// <summary>All was said.</summary>
    public static byte[] End { get; } = "{\"end\":true}\n"u8.ToArray();

    /// <summary>An object.</summary>
    public static byte[] Item<T>(T value, JsonTypeInfo<T> type) => Line("item", writer => JsonSerializer.Serialize(writer, value, type));

    /// <summary>What went wrong.</summary>
    public static byte[] Error(PeerError error) => Line("error", writer => JsonSerializer.Serialize(writer, error, PeerJson.Default.PeerError));

    /// <summary>Reads a line.</summary>
    /// <returns>Whether there is more to come; the object, unless it was a sign of life or the end.</returns>
    /// <exception cref="CommandException">It is no such line.</exception>
    /// <exception cref="PeerRefusalException">It is an error of the other host.</exception>
    public static (bool More, T? Item) Parse<T>(ReadOnlySpan<byte> line, JsonTypeInfo<T> type)
        where T : class
    {
        if (line.IsEmpty)
        {
            return (true, null);
        }

        try
        {
            UnicodeJson.RequireUnicode(line, maximumDepth: 64);
            var reader = new Utf8JsonReader(line);
            if (reader.Read() && reader.TokenType == JsonTokenType.StartObject && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isItem = reader.ValueTextEquals("item"u8);
                var isError = reader.ValueTextEquals("error"u8);
                var isEnd = reader.ValueTextEquals("end"u8);
                reader.Read();
                if (isItem)
                {
                    return (true, JsonSerializer.Deserialize(ref reader, type) ?? throw new JsonException("the object is null"));
                }

                if (isError)
                {
                    throw new PeerRefusalException(JsonSerializer.Deserialize(ref reader, PeerJson.Default.PeerError) ?? throw new JsonException("the error is null"));
                }

                if (isEnd)
                {
                    return (false, null);
                }
            }

            throw new JsonException("the line is none of the protocol");
        }
        catch (JsonException damage)
        {
            throw new CommandException("ProtocolError", ErrorCategory.ProtocolError, $"What the host sent is not what the protocol of hosts says: {damage.Message}");
        }
    }

    private static byte[] Line(string name, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WritePropertyName(name);
            write(writer);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }
}

/// <summary>Another host has refused, or failed at, what it was asked.</summary>
internal sealed class PeerRefusalException(PeerError error) : Exception(error.Message)
{
    private const int LongestMessage = 2_000;
    private const int LongestId = 100;

    /// <summary>What it said.</summary>
    public PeerError Error { get; } = error;

    /// <summary>The same as the error of a command here: its id and category, and whose error it is. What comes from elsewhere is made harmless.</summary>
    public CommandException ToCommandError(string host)
    {
        var category = Enum.TryParse<ErrorCategory>(Error.Category, out var known) && Enum.IsDefined(known) ? known : ErrorCategory.NotSpecified;
        var id = Error.ErrorId.Length is > 0 and <= LongestId && Error.ErrorId.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is ',' or '.') ? Error.ErrorId : "OperationFailed";
        return new CommandException(id, category, $"{host}: {Harmless(Error.Message)}", Error.Target is null ? null : Harmless(Error.Target), this);
    }

    private static string Harmless(string text) =>
        string.Concat(text.Take(LongestMessage).Select(static letter => char.IsControl(letter) || char.IsSurrogate(letter) ? '?' : letter));
}
