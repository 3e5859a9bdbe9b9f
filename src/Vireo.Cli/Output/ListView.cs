using System.Text.Json;

namespace Vireo.Cli.Output;

/// <summary>An object as a list of its properties.</summary>
internal static class ListView
{
    /// <summary>Writes the object, and an empty line after it.</summary>
    public static void Write(TextWriter output, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            output.Write(CellText.Of(value) + "\n");
            return;
        }

        var width = value.EnumerateObject().Select(static member => member.Name.Length).DefaultIfEmpty().Max();
        foreach (var member in value.EnumerateObject())
        {
            output.Write($"{member.Name.PadRight(width)} : {CellText.Of(member.Value)}\n");
        }

        output.Write("\n");
    }
}
