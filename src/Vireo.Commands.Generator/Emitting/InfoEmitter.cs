using Vireo.Commands.Generator.Resolving;
using static Vireo.Commands.Generator.Emitting.CodeText;

namespace Vireo.Commands.Generator.Emitting;

/// <summary>Writes the expression that makes a command's <c>CommandInfo</c>, the same for every surface.</summary>
internal static class InfoEmitter
{
    private const string Space = "global::Vireo.Surface.";

    public static void Emit(CodeText code, CommandModel command, string start, string end)
    {
        code.Line($"{start}new {Space}CommandInfo({Quote(command.Verb)}, {Quote(command.Noun)}, new {Space}ParameterInfo[] {{");
        foreach (var parameter in command.Parameters)
        {
            code.Line(Parameter(parameter) + ",");
        }

        code.Line("}) {");
        code.Line($"Sets = {List(command.Sets)},");
        code.Line($"DefaultSet = {QuoteOrNull(command.DefaultSet)},");
        code.Line($"Aliases = {List(command.Aliases)},");
        code.Line($"SupportsShouldProcess = {Flag(command.SupportsShouldProcess)},");
        code.Line($"SupportsAsJob = {Flag(command.SupportsAsJob)},");
        code.Line($"ConfirmImpact = {Quote(command.ConfirmImpact)},");
        code.Line($"CmdletClass = {Quote(command.CmdletClass)},");
        code.Line($"OutputTypes = {List(command.OutputTypes)},");
        code.Line($"Synopsis = {Quote(command.Synopsis)},");
        code.Line($"Description = {Quote(command.Description)},");
        code.Line($"Examples = [{string.Join(", ", command.Examples.Select(static e => $"new({Quote(e.Key)}, {Quote(e.Value)})"))}],");
        code.Line($"Errors = [{string.Join(", ", command.Errors.Select(static e => $"new({Quote(e.ErrorId)}, {Quote(e.Category)}, {Quote(e.When)})"))}],");
        code.Line("}" + end);
    }

    private static string Parameter(ParameterModel parameter)
    {
        var type = parameter.Type;
        var places = string.Join(", ", parameter.Places.Select(static place =>
            $"new({QuoteOrNull(place.SetName)}, {place.Position}, {Flag(place.Mandatory)}, {Flag(place.FromPipeline)}, {Flag(place.FromPipelineByName)})"));
        var text = $"new({Quote(parameter.Name)}, {Space}ParameterKind.{type.Kind}, {Quote(type.ShortName + (type.IsArray ? "[]" : ""))}, [{places}]) {{ ";
        text += Option("IsArray", type.IsArray) + Option("NotEmpty", parameter.NotEmpty) + Option("Wildcards", parameter.Wildcards)
            + Option("IsPath", parameter.IsPath) + Option("KeepBareName", parameter.KeepBareName) + Option("OnShare", parameter.OnShare) + Option("ClientSide", parameter.ClientSide);
        if (type.Kind is "Enum" or "Object")
        {
            text += $"FullTypeName = {Quote(type.FullName)}, ";
        }

        if (type.AcceptedTypes.Count > 0)
        {
            text += $"AcceptedTypes = {List(type.AcceptedTypes)}, ";
        }

        if (parameter.Aliases.Count > 0)
        {
            text += $"Aliases = {List(parameter.Aliases)}, ";
        }

        if (type.Values.Count > 0)
        {
            text += $"Values = [{string.Join(", ", type.Values.Select(static v => $"new({Quote(v.Key)}, {Number(v.Value)})"))}], ";
        }

        if (parameter.AcceptedValues.Count > 0)
        {
            text += $"AcceptedValues = {List(parameter.AcceptedValues)}, ";
        }

        if (parameter.Minimum is { } minimum && parameter.Maximum is { } maximum)
        {
            text += $"Minimum = {Number(minimum)}, Maximum = {Number(maximum)}, ";
        }

        return text + $"Help = {Quote(parameter.Help)} }}";
    }

    private static string Option(string name, bool value) => value ? $"{name} = true, " : "";
}
