using System.Text.Json;

namespace Vireo.Machines.Qmp;

/// <summary>
/// Reads values out of QEMU's answers. A guest may have taken QEMU over, so an answer of the wrong shape is an error of this machine
/// (<see cref="MachineErrorKind.ControlLost"/>) and nothing else.
/// </summary>
internal static class QmpValues
{
    /// <summary>A property that has to be there.</summary>
    public static JsonElement Member(this JsonElement answer, string name) => answer.FindMember(name) ?? throw Malformed(name);

    /// <summary>A property that may be there.</summary>
    public static JsonElement? FindMember(this JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var value) ? value : null;

    /// <summary>A text.</summary>
    public static string AsText(this JsonElement value) => value.FindText() ?? throw Malformed("text");

    /// <summary>A text; null when the value is something else.</summary>
    public static string? FindText(this JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>A whole number.</summary>
    public static long AsNumber(this JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : throw Malformed("number");

    /// <summary>A list.</summary>
    public static IEnumerable<JsonElement> AsList(this JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Malformed("list");

    private static MachineException Malformed(string what) => new(MachineErrorKind.ControlLost, $"QEMU's answer cannot be read: '{what}' is missing or has the wrong kind.");
}
