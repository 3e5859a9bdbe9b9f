using System.Text.Json;
using Vireo.Platform.Text;

namespace Vireo.Machines.Qmp;

/// <summary>Kind of a message from QEMU (QMP specification 2.2 to 2.5).</summary>
public enum QmpMessageKind
{
    /// <summary>First message of a connection.</summary>
    Greeting,

    /// <summary>A command succeeded.</summary>
    Return,

    /// <summary>A command failed.</summary>
    Error,

    /// <summary>Something happened.</summary>
    Event,
}

/// <summary>One message from QEMU.</summary>
/// <param name="Kind">Kind.</param>
/// <param name="Id">Id of the command it answers; null for others and for answers without one.</param>
/// <param name="Name">Name of an event, class of an error.</param>
/// <param name="Description">Text of an error.</param>
/// <param name="Data">Body: returned value, event data, the greeting's version; undefined when absent.</param>
public sealed record QmpMessage(QmpMessageKind Kind, long? Id, string Name, string Description, JsonElement Data)
{
    /// <summary>Reads one line.</summary>
    /// <exception cref="QmpProtocolException">It is not a message of the protocol.</exception>
    public static QmpMessage Parse(ReadOnlyMemory<byte> line)
    {
        JsonElement root;
        try
        {
            root = UnicodeJson.Parse(line, maximumDepth: 64);
        }
        catch (JsonException exception)
        {
            throw new QmpProtocolException("a line is not JSON", exception);
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new QmpProtocolException("a message is not an object");
        }

        var id = root.TryGetProperty("id", out var idElement) && idElement.ValueKind == JsonValueKind.Number && idElement.TryGetInt64(out var number)
            ? number
            : (long?)null;
        if (root.TryGetProperty("return", out var returned))
        {
            return new(QmpMessageKind.Return, id, "", "", returned);
        }

        if (root.TryGetProperty("error", out var error))
        {
            return new(QmpMessageKind.Error, id, Text(error, "class"), Text(error, "desc"), default);
        }

        if (root.TryGetProperty("event", out var name))
        {
            return new(QmpMessageKind.Event, null, AsText(name), "", root.TryGetProperty("data", out var data) ? data : default);
        }

        return root.TryGetProperty("QMP", out var greeting)
            ? new(QmpMessageKind.Greeting, null, "", "", greeting)
            : throw new QmpProtocolException("a message is neither answer, error, event nor greeting");
    }

    private static string Text(JsonElement element, string property) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(property, out var value) ? AsText(value) : throw new QmpProtocolException($"an error has no {property}");

    private static string AsText(JsonElement value) => value.FindText() ?? throw new QmpProtocolException("a name is not a text");
}

/// <summary>An event of QEMU.</summary>
/// <param name="Name">For example <c>SHUTDOWN</c>.</param>
/// <param name="Data">Its data; undefined when it has none.</param>
public sealed record QmpEvent(string Name, JsonElement Data)
{
    /// <summary>A text of the data; null when absent.</summary>
    public string? Text(string property) => Data.FindMember(property)?.FindText();

    /// <summary>A truth value of the data; false when absent.</summary>
    public bool Flag(string property) => Data.FindMember(property)?.ValueKind == JsonValueKind.True;
}

/// <summary>The peer does not speak QMP.</summary>
public sealed class QmpProtocolException(string what, Exception? inner = null) : IOException($"The peer does not speak QMP: {what}.", inner);

/// <summary>QEMU refused a command.</summary>
public sealed class QmpException(string command, string errorClass, string description)
    : Exception($"QEMU refused '{command}': {description.TrimEnd('.')}.")
{
    /// <summary>The command.</summary>
    public string Command { get; } = command;

    /// <summary>For example <c>GenericError</c>, <c>DeviceNotFound</c>.</summary>
    public string ErrorClass { get; } = errorClass;

    /// <summary>QEMU's own words.</summary>
    public string Description { get; } = description;
}
