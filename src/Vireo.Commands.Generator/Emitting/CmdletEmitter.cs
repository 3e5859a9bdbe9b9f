using Vireo.Commands.Generator.Resolving;
using static Vireo.Commands.Generator.Emitting.CodeText;

namespace Vireo.Commands.Generator.Emitting;

/// <summary>Writes the cmdlet of a command: a class with its parameters that hands everything to the host.</summary>
internal static class CmdletEmitter
{
    private const string Automation = "global::System.Management.Automation.";
    private const string Module = "global::Vireo.PowerShell.";

    public static string Emit(CommandModel command)
    {
        var dot = command.CmdletClass.LastIndexOf('.');
        var code = new CodeText().Line($"namespace {command.CmdletClass.Substring(0, dot)} {{");
        code.Line($"[{Automation}Cmdlet({Quote(command.Verb)}, {Quote(command.Noun)}{Options(command)})]");
        if (command.OutputTypes.Count > 0)
        {
            code.Line($"[{Automation}OutputType({string.Join(", ", command.OutputTypes.Select(static type => $"typeof(global::{type})"))})]");
        }

        if (command.Aliases.Count > 0)
        {
            code.Line($"[{Automation}Alias({string.Join(", ", command.Aliases.Select(Quote))})]");
        }

        code.Line($"public sealed class {command.CmdletClass.Substring(dot + 1)} : {Module}HostCmdlet {{");
        foreach (var parameter in command.Parameters)
        {
            Parameter(code, command, parameter);
        }

        code.Line($"private protected override string CommandName => {Quote(command.Name)};").Line();
        code.Line($"private protected override bool SupportsShouldProcess => {Flag(command.SupportsShouldProcess)};").Line();
        code.Line($"private protected override {Automation}ConfirmImpact Impact => {Automation}ConfirmImpact.{command.ConfirmImpact};").Line();
        code.Line($"private protected override {Module}PathRule PathRuleOf(string parameter) => parameter switch {{");
        foreach (var parameter in command.Parameters.Where(static parameter => parameter.IsPath))
        {
            code.Line($"{Quote(parameter.Name)} => {Module}PathRule.{(parameter.KeepBareName ? "KeepBareName" : "Absolute")},");
        }

        return code.Line($"_ => {Module}PathRule.None,").Line("};").Line("}").Line("}").ToString();
    }

    private static string Options(CommandModel command) =>
        (command.DefaultSet is { } set ? $", DefaultParameterSetName = {Quote(set)}" : "")
        + (command.SupportsShouldProcess ? $", SupportsShouldProcess = true, ConfirmImpact = {Automation}ConfirmImpact.{command.ConfirmImpact}" : "");

    private static void Parameter(CodeText code, CommandModel command, ParameterModel parameter)
    {
        foreach (var place in parameter.Places)
        {
            var options = new List<string>();
            if (place.SetName is not null and not "__AllParameterSets")
            {
                options.Add($"ParameterSetName = {Quote(place.SetName)}");
            }

            if (place.Position >= 0)
            {
                options.Add($"Position = {place.Position}");
            }

            options.AddRange(new (bool Is, string Text)[]
            {
                (place.Mandatory, "Mandatory = true"),
                (place.FromPipeline, "ValueFromPipeline = true"),
                (place.FromPipelineByName, "ValueFromPipelineByPropertyName = true"),
            }.Where(static option => option.Is).Select(static option => option.Text));
            options.Add($"HelpMessage = {Quote(parameter.Help)}");
            code.Line($"[{Automation}Parameter({string.Join(", ", options)})]");
        }

        Attribute(code, parameter.Aliases.Count > 0, $"Alias({string.Join(", ", parameter.Aliases.Select(Quote))})");
        Attribute(code, parameter.NotEmpty, "ValidateNotNullOrEmpty");
        Attribute(code, parameter.AcceptedValues.Count > 0, $"ValidateSet({string.Join(", ", parameter.AcceptedValues.Select(Quote))})");
        Attribute(code, parameter.Minimum is not null, $"ValidateRange({Number(parameter.Minimum ?? 0)}, {Number(parameter.Maximum ?? 0)})");
        Attribute(code, parameter.Wildcards, "SupportsWildcards");
        if (Completer(command, parameter) is { } completer)
        {
            code.Line($"[{Automation}ArgumentCompleter(typeof({Module}{completer}))]");
        }

        code.Line($"public {Type(parameter.Type)} {parameter.Name} {{ get; set; }}").Line();
    }

    private static void Attribute(CodeText code, bool has, string text)
    {
        if (has)
        {
            code.Line($"[{Automation}{text}]");
        }
    }

    private static string? Completer(CommandModel command, ParameterModel parameter) => (parameter.Name, command.Noun) switch
    {
        _ when command.Verb == "New" && parameter.Name == "Name" => null,
        ("VMName", _) or ("Name", "VM") => "MachineNameCompleter",
        ("SwitchName", _) or ("Name", "VMSwitch") => "SwitchNameCompleter",
        _ => null,
    };

    private static string Type(TypeModel type)
    {
        var element = type.Kind switch
        {
            "Switch" => Automation + "SwitchParameter",
            "Credential" => Automation + "PSCredential",
            "Any" => Automation + "PSObject",
            "Map" => "global::System.Collections.Hashtable",
            "Enum" or "Object" => "global::" + type.FullName,
            _ => type.FullName,
        };
        return element + (type.IsArray ? "[]" : "") + (type.IsArray || type.Kind is "String" or "Object" or "Any" or "Map" or "Version" ? "?" : "");
    }
}
