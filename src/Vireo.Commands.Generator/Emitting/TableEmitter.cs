using Vireo.Commands.Generator.Resolving;
using static Vireo.Commands.Generator.Emitting.CodeText;

namespace Vireo.Commands.Generator.Emitting;

/// <summary>Writes the tables a client binds from: one method per command, so that a start makes only what it needs.</summary>
internal static class TableEmitter
{
    public static string Emit(string rootNamespace, IReadOnlyList<CommandModel> commands)
    {
        var code = new CodeText().Line($"namespace {rootNamespace};").Line();
        code.Line("/// <summary>Every command, as the client needs it.</summary>").Line("internal static class CommandTable {");
        code.Line($"public static global::System.Collections.Generic.IReadOnlyList<string> Names => {List(commands.Select(static command => command.Name))};").Line();
        code.Line("/// <summary>Aliases and the commands they mean.</summary>");
        var aliases = commands.SelectMany(static command => command.Aliases.Select(alias => $"new({Quote(alias)}, {Quote(command.Name)})"));
        code.Line("public static global::System.Collections.Generic.IReadOnlyList<global::System.Collections.Generic.KeyValuePair<string, string>> Aliases => "
            + $"[{string.Join(", ", aliases)}];").Line();
        code.Line("/// <summary>First sentence of each command, in the order of the names.</summary>");
        code.Line($"public static global::System.Collections.Generic.IReadOnlyList<string> Synopses => {List(commands.Select(static command => command.Synopsis))};").Line();
        code.Line("/// <summary>The command with this name or alias, or null.</summary>");
        code.Line("public static global::Vireo.Surface.CommandInfo? Find(string name) => name.ToUpperInvariant() switch {");
        foreach (var command in commands)
        {
            var names = command.Aliases.Concat([command.Name]).Select(static name => Quote(name.ToUpperInvariant()));
            code.Line($"{string.Join(" or ", names)} => {Identifier(command.Name)}(),");
        }

        code.Line("_ => null,").Line("};");
        foreach (var command in commands)
        {
            code.Line();
            InfoEmitter.Emit(code, command, $"private static global::Vireo.Surface.CommandInfo {Identifier(command.Name)}() => ", ";");
        }

        return code.Line("}").ToString();
    }
}
