using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Vireo.Platform.Text;

namespace Vireo.Machines.GuestAgents;

/// <summary>
/// Reads what a guest's agent answers. Every count, length and text is bounded here, and nothing but
/// <see cref="GuestAnswerException"/> comes out of a malformed answer.
/// </summary>
public static class GuestAnswers
{
    private const int MaximumInterfaces = 256;
    private const int MaximumAddresses = 256;
    private const int MaximumText = 512;

    /// <summary>Reads one line: the returned value, or the agent's error as <see cref="GuestRefusalException"/>.</summary>
    public static JsonElement ParseReply(ReadOnlyMemory<byte> line)
    {
        JsonElement root;
        try
        {
            root = UnicodeJson.Parse(line, maximumDepth: 32);
        }
        catch (JsonException exception)
        {
            throw new GuestAnswerException("it is not JSON", exception);
        }

        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("return", out var returned))
        {
            return returned;
        }

        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
        {
            throw new GuestRefusalException(Text(error, "desc"));
        }

        throw new GuestAnswerException("it is neither an answer nor an error");
    }

    /// <summary>Answer of <c>guest-get-osinfo</c>.</summary>
    public static GuestOperatingSystem OperatingSystem(JsonElement answer)
    {
        RequireObject(answer);
        return new(
            Text(answer, "id"), Text(answer, "name"), Text(answer, "pretty-name"), Text(answer, "version"), Text(answer, "version-id"),
            Text(answer, "kernel-release"), Text(answer, "machine"));
    }

    /// <summary>Answer of <c>guest-get-host-name</c>.</summary>
    public static string HostName(JsonElement answer)
    {
        RequireObject(answer);
        return Text(answer, "host-name");
    }

    /// <summary>Answer of <c>guest-network-get-interfaces</c>. Addresses that are none are left out.</summary>
    public static IReadOnlyList<GuestInterface> Interfaces(JsonElement answer)
    {
        List<GuestInterface> interfaces = [];
        foreach (var element in Array(answer).Take(MaximumInterfaces))
        {
            RequireObject(element);
            List<GuestAddress> addresses = [];
            if (element.TryGetProperty("ip-addresses", out var list))
            {
                foreach (var item in Array(list).Take(MaximumAddresses))
                {
                    RequireObject(item);
                    if (IPAddress.TryParse(Text(item, "ip-address"), out var address))
                    {
                        var bits = address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 32 : 128;
                        addresses.Add(new(address, (int)Math.Clamp(Number(item, "prefix"), 0, bits)));
                    }
                }
            }

            var mac = Text(element, "hardware-address").Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();
            interfaces.Add(new(Text(element, "name"), mac.Length == 12 && mac.All(char.IsAsciiHexDigitUpper) ? mac : "", addresses));
        }

        return interfaces;
    }

    /// <summary>Answer of <c>guest-exec-status</c>; null while the program runs.</summary>
    public static GuestProcessResult? ProcessResult(JsonElement answer, int maximumBytes)
    {
        RequireObject(answer);
        if (!Flag(answer, "exited"))
        {
            return null;
        }

        var signal = answer.TryGetProperty("signal", out _) ? (int?)Number(answer, "signal") : null;
        return new(
            signal is null ? (int)Number(answer, "exitcode") : null,
            signal,
            Bytes(answer, "out-data", maximumBytes),
            Bytes(answer, "err-data", maximumBytes),
            Flag(answer, "out-truncated") || Flag(answer, "err-truncated"));
    }

    /// <summary>Answer of <c>guest-file-read</c>.</summary>
    public static (byte[] Content, bool EndOfFile) FileRead(JsonElement answer, int maximumBytes)
    {
        RequireObject(answer);
        return (Bytes(answer, "buf-b64", maximumBytes), Flag(answer, "eof"));
    }

    /// <summary>A whole number that is a property of <paramref name="element"/>; 0 when absent.</summary>
    public static long Number(JsonElement element, string property)
    {
        RequireObject(element);
        return element.TryGetProperty(property, out var value) ? Number(value) : 0;
    }

    /// <summary>A whole number.</summary>
    public static long Number(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : throw new GuestAnswerException("a number is none");

    private static bool Flag(JsonElement element, string property) => element.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.True;

    private static byte[] Bytes(JsonElement element, string property, int maximumBytes)
    {
        if (!element.TryGetProperty(property, out var value))
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bytes) && bytes.Length <= maximumBytes
            ? bytes
            : throw new GuestAnswerException(string.Create(CultureInfo.InvariantCulture, $"'{property}' is not base 64 of at most {maximumBytes} bytes"));
    }

    /// <summary>A text for people: bounded, without control characters that could drive a terminal.</summary>
    private static string Text(JsonElement element, string property)
    {
        if (!element.TryGetProperty(property, out var value) || value.ValueKind != JsonValueKind.String)
        {
            return "";
        }

        var clean = new StringBuilder();
        foreach (var rune in value.GetString()!.EnumerateRunes())
        {
            if (clean.Length >= MaximumText)
            {
                break;
            }

            clean.Append(Rune.IsControl(rune) ? "?" : rune.ToString());
        }

        return clean.ToString();
    }

    private static JsonElement.ArrayEnumerator Array(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : throw new GuestAnswerException("a list is none");

    private static void RequireObject(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new GuestAnswerException("an object is none");
        }
    }
}

/// <summary>A guest's agent answered something that is no answer.</summary>
public sealed class GuestAnswerException(string what, Exception? inner = null) : IOException($"The guest's agent gave an answer that cannot be read: {what}.", inner);

/// <summary>A guest's agent refused.</summary>
public sealed class GuestRefusalException(string description) : Exception(description);
