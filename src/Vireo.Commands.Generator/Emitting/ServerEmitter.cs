using Vireo.Commands.Generator.Resolving;
using static Vireo.Commands.Generator.Emitting.CodeText;

namespace Vireo.Commands.Generator.Emitting;

/// <summary>Writes the host's binding: how each command is made and its properties are set from JSON, without reflection.</summary>
internal static class ServerEmitter
{
    private const string Framework = "global::Vireo.Commands.Framework.";

    public static string Table(string rootNamespace, IReadOnlyList<CommandModel> commands)
    {
        var code = new CodeText().Line($"namespace {rootNamespace};").Line();
        code.Line("/// <summary>Every command of this assembly.</summary>").Line("public static class CommandTable {");
        code.Line("/// <summary>One descriptor for each.</summary>");
        code.Line($"public static global::System.Collections.Generic.IReadOnlyList<{Framework}CommandDescriptor> Descriptors {{ get; }} = new {Framework}CommandDescriptor[] {{");
        foreach (var command in commands)
        {
            code.Line($"{Identifier(command.Name)}Binding.Create(),");
        }

        return code.Line("};").Line("}").ToString();
    }

    public static string Binding(string rootNamespace, CommandModel command)
    {
        var code = new CodeText().Line($"namespace {rootNamespace};").Line();
        code.Line($"internal static class {Identifier(command.Name)}Binding {{");
        InfoEmitter.Emit(code, command, $"public static {Framework}CommandDescriptor Create() => new(", $", static () => new global::{command.ClassName}(), Assign);");
        code.Line();
        code.Line($"private static void Assign({Framework}Command target, {Framework}ArgumentReader argument) {{");
        code.Line($"var command = (global::{command.ClassName})target;");
        code.Line("switch (argument.Parameter.Name) {");
        foreach (var parameter in command.Parameters.Where(static parameter => parameter.Declared))
        {
            code.Line($"case {Quote(parameter.Name)}: command.{parameter.Name} = {Value(parameter.Type)}; break;");
        }

        return code.Line("}").Line("}").Line("}").ToString();
    }

    private static string Value(TypeModel type)
    {
        var one = type.Kind switch
        {
            "Enum" => $"Enum<global::{type.FullName}>()",
            "Object" => $"Object(global::Vireo.Model.ModelJson.Default.{type.ShortName})",
            _ => type.Kind + "()",
        };
        var value = type.IsArray ? $"argument.Array(static argument => argument.{one})" : $"argument.{one}";
        var mayBeNull = type.IsArray || type.IsNullableValue || type.Kind is "String" or "Object" or "Map" or "Version";
        return mayBeNull ? $"argument.IsNull ? null! : {value}" : value;
    }
}
