using System.Text.Json;
using System.Text.Json.Serialization;
using Vireo.Testing;

namespace Vireo.Commands.Tests.Surface;

/// <summary>A parameter in one parameter set of the original.</summary>
/// <param name="Pipeline">Empty, ByValue, ByPropertyName or Both.</param>
/// <param name="AcceptedValues">The only values it takes; null is any.</param>
internal sealed record ReferenceParameter(
    string Name, string Type, int? Position, bool Mandatory, string Pipeline, IReadOnlyList<string> Aliases, IReadOnlyList<string>? AcceptedValues = null);

/// <summary>A parameter set of the original.</summary>
internal sealed record ReferenceSet(string Name, bool IsDefault, IReadOnlyList<ReferenceParameter> Parameters);

/// <summary>A command of the original.</summary>
/// <param name="Outputs">Types it writes, by their names without a namespace; null is none that is told.</param>
internal sealed record ReferenceCommand(string Name, bool ShouldProcess, bool AsJob, IReadOnlyList<ReferenceSet> Sets, IReadOnlyList<string>? Outputs = null);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(List<ReferenceCommand>))]
internal sealed partial class ReferenceJson : JsonSerializerContext;

/// <summary>
/// The published surface of the original's commands. The facts about the implemented ones lie beside this file, so that a checkout alone
/// can be tested; where the whole reference lies beside the checkout, the copy is compared with it.
/// </summary>
internal static class ReferenceSurface
{
    /// <summary>The copy: one command a line.</summary>
    public static string CopyPath { get; } = Path.Combine(Repository.Root, "tests", "Vireo.Commands.Tests", "Surface", "Hyper-V.reference.json");

    /// <summary>The copied facts, by command.</summary>
    public static Dictionary<string, ReferenceCommand> Copy() =>
        JsonSerializer.Deserialize(File.ReadAllText(CopyPath), ReferenceJson.Default.ListReferenceCommand)!.ToDictionary(static command => command.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>The whole reference, or null where it is not at hand.</summary>
    public static List<ReferenceCommand>? Whole()
    {
        if (Repository.SharedFolder is not { } shared || Path.Combine(shared, "reference", "cmdlets", "Hyper-V.json") is not { } path || !File.Exists(path))
        {
            return null;
        }

        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return [.. document.RootElement.GetProperty("cmdlets").EnumerateArray().Select(Command)];
    }

    /// <summary>Text of the copy for the given commands.</summary>
    public static string Text(IEnumerable<ReferenceCommand> commands) =>
        "[\n" + string.Join(",\n", commands.Select(static command => JsonSerializer.Serialize([command], ReferenceJson.Default.ListReferenceCommand)[1..^1])) + "\n]\n";

    private static ReferenceCommand Command(JsonElement command) => new(
        command.GetProperty("name").GetString()!,
        command.GetProperty("supportsShouldProcess").GetBoolean(),
        command.GetProperty("supportsAsJob").GetBoolean(),
        [.. command.GetProperty("parameterSets").EnumerateArray().Select(static set => new ReferenceSet(
            set.GetProperty("name").GetString()!,
            set.GetProperty("isDefault").GetBoolean(),
            [.. set.GetProperty("parameters").EnumerateArray().Select(Parameter)]))],
        Outputs(command));

    // "None" is said beside what -Passthru writes, and an object is anything.
    private static List<string>? Outputs(JsonElement command)
    {
        var types = command.GetProperty("outputs").EnumerateArray().Select(static type => type.GetString()!.Split('.')[^1]).Where(static type => type is not ("None" or "Object")).Distinct().ToList();
        return types.Count > 0 ? types : null;
    }

    private static ReferenceParameter Parameter(JsonElement parameter) => new(
        parameter.GetProperty("name").GetString()!,
        parameter.GetProperty("type").GetString()!,
        parameter.GetProperty("position").ValueKind == JsonValueKind.Number ? parameter.GetProperty("position").GetInt32() : null,
        parameter.GetProperty("mandatory").GetBoolean(),
        parameter.TryGetProperty("valueFromPipeline", out var pipeline) && pipeline.ValueKind == JsonValueKind.String ? pipeline.GetString()! : "",
        parameter.TryGetProperty("aliases", out var aliases) ? [.. aliases.EnumerateArray().Select(static alias => alias.GetString()!)] : [],
        parameter.TryGetProperty("acceptedValues", out var values) ? [.. values.EnumerateArray().Select(static value => value.GetString()!)] : null);
}
