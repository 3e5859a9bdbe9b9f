using System.Collections.Immutable;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Vireo.Commands.Generator.Reading;

namespace Vireo.Commands.Generator.Resolving;

/// <summary>Puts commands together out of classes and their bases. A derived class that declares a parameter again replaces it.</summary>
internal sealed class CommandResolver
{
    private static readonly string[] ClientSideNames = ["ComputerName", "Credential"];

    private readonly Dictionary<string, List<ClassFacts>> _classes = new(StringComparer.Ordinal);
    private readonly TypeResolver _types;
    private readonly ConstantReader _constants;
    private readonly Action<string> _report;

    /// <summary>Reads from <paramref name="classes"/>; what cannot be understood is given to <paramref name="report"/>.</summary>
    public CommandResolver(IEnumerable<ClassFacts> classes, TypeResolver types, Action<string> report)
    {
        foreach (var facts in classes)
        {
            if (!_classes.TryGetValue(facts.Name, out var same))
            {
                _classes[facts.Name] = same = [];
            }

            same.Add(facts);
        }

        _types = types;
        _constants = new ConstantReader(_classes);
        _report = report;
    }

    /// <summary>Every command, ordered by name.</summary>
    public IReadOnlyList<CommandModel> Commands() =>
        [.. _classes.Values.SelectMany(static same => same)
            .Where(static facts => !facts.IsAbstract && facts.Attributes.Any(static attribute => attribute.Name == "Command"))
            .Select(Command)
            .OrderBy(static command => command.Name, StringComparer.Ordinal)];

    private CommandModel Command(ClassFacts facts)
    {
        var attribute = facts.Attributes.First(static attribute => attribute.Name == "Command");
        var verb = attribute.Arguments.Length > 0 ? _constants.Text(attribute.Arguments[0], facts) ?? "" : "";
        var noun = attribute.Arguments.Length > 1 ? _constants.Text(attribute.Arguments[1], facts) ?? "" : "";
        if (verb.Length == 0 || noun.Length == 0)
        {
            _report($"{facts.FullName}: the verb and the noun must be constant text");
        }

        var asJob = _constants.Flag(Named(attribute, "SupportsAsJob"), facts);
        var parameters = Parameters(facts).OrderBy(FirstPosition).ToList();
        var sets = Sets(parameters);
        Complete(parameters, asJob);
        return new CommandModel(verb, noun, facts.FullName, parameters)
        {
            Sets = sets,
            DefaultSet = _constants.Text(Named(attribute, "DefaultParameterSetName"), facts),
            Aliases = Texts(Named(attribute, "Aliases"), facts),
            SupportsShouldProcess = _constants.Flag(Named(attribute, "SupportsShouldProcess"), facts),
            SupportsAsJob = asJob,
            ConfirmImpact = _constants.Text(Named(attribute, "ConfirmImpact"), facts) ?? "Medium",
            CmdletClass = _constants.Text(Named(attribute, "CmdletClass"), facts) ?? $"Microsoft.HyperV.PowerShell.Commands.{verb}{noun}",
            OutputTypes = [.. facts.Attributes.Where(static a => a.Name == "OutputType" && a.Arguments.Length > 0)
                .Select(a => _constants.Text(a.Arguments[0], facts) switch { "bool" or null => "System.Boolean", "string" => "System.String", var type => _types.FullName(type) })],
            Synopsis = facts.Documentation.Summary,
            Description = facts.Documentation.Remarks,
            Examples = [.. facts.Attributes.Where(static a => a.Name == "Example" && a.Arguments.Length > 1)
                .Select(a => new KeyValuePair<string, string>(_constants.Text(a.Arguments[0], facts) ?? "", _constants.Text(a.Arguments[1], facts) ?? ""))],
            Errors = Errors(facts),
        };
    }

    /// <summary>Errors listed by the class and by its bases.</summary>
    private List<ErrorModel> Errors(ClassFacts facts) =>
        [.. Bases(facts).SelectMany(level => level.Attributes.Where(static a => a.Name == "CommandError" && a.Arguments.Length > 2)
            .Select(a => new ErrorModel(
                _constants.Text(a.Arguments[0], level) ?? "", _constants.Text(a.Arguments[1], level) ?? "", _constants.Text(a.Arguments[2], level) ?? "")))];

    private IEnumerable<ClassFacts> Bases(ClassFacts facts)
    {
        for (ClassFacts? level = facts; level is not null; level = level.BaseName is { } name && _classes.TryGetValue(name, out var found) ? found[0] : null)
        {
            yield return level;
        }
    }

    private List<ParameterModel> Parameters(ClassFacts facts)
    {
        var parameters = new List<ParameterModel>();
        foreach (var level in Bases(facts))
        {
            foreach (var property in level.Properties)
            {
                if (parameters.Any(known => known.Name == property.Name))
                {
                    continue;
                }

                if (_types.Resolve(property.Type) is not { } type)
                {
                    _report($"{level.FullName}.{property.Name}: '{property.Type}' is not a type of parameter");
                    continue;
                }

                parameters.Add(Parameter(property, type, level));
            }
        }

        return parameters;
    }

    private ParameterModel Parameter(PropertyFacts property, TypeModel type, ClassFacts owner)
    {
        AttributeFacts? Find(string name) => property.Attributes.FirstOrDefault(attribute => attribute.Name == name);
        var range = Find("ValidateRange");
        return new ParameterModel(
            property.Name,
            type,
            [.. property.Attributes.Where(static attribute => attribute.Name == "Parameter").Select(attribute => new PlaceModel(
                _constants.Text(Named(attribute, "ParameterSetName"), owner),
                (int)(_constants.Number(Named(attribute, "Position"), owner) ?? -1),
                _constants.Flag(Named(attribute, "Mandatory"), owner),
                _constants.Flag(Named(attribute, "ValueFromPipeline"), owner),
                _constants.Flag(Named(attribute, "ValueFromPipelineByPropertyName"), owner)))],
            property.Summary)
        {
            Aliases = Find("Alias") is { } alias ? [.. alias.Arguments.Select(argument => _constants.Text(argument, owner) ?? "")] : [],
            AcceptedValues = Find("ValidateSet") is { } words ? [.. words.Arguments.Select(argument => _constants.Text(argument, owner) ?? "")] : [],
            Minimum = range is { Arguments.Length: > 1 } ? _constants.Number(range.Arguments[0], owner) : null,
            Maximum = range is { Arguments.Length: > 1 } ? _constants.Number(range.Arguments[1], owner) : null,
            NotEmpty = Find("ValidateNotNullOrEmpty") is not null,
            Wildcards = Find("SupportsWildcards") is not null,
            IsPath = Find("FilePath") is not null,
            KeepBareName = Find("FilePath") is { } path && _constants.Flag(Named(path, "KeepBareName"), owner),
            OnShare = Find("FilePath") is { } place && _constants.Flag(Named(place, "OnShare"), owner),
            ClientSide = ClientSideNames.Contains(property.Name, StringComparer.Ordinal),
        };
    }

    /// <summary>Parameters with a position come first wherever they are listed.</summary>
    private static int FirstPosition(ParameterModel parameter) =>
        parameter.Places.Where(static place => place.Position >= 0).Select(static place => place.Position).DefaultIfEmpty(int.MaxValue).Min();

    /// <summary>The sets, in the order in which the class and its bases name them.</summary>
    private static List<string> Sets(List<ParameterModel> parameters)
    {
        var sets = parameters.SelectMany(static parameter => parameter.Places).Select(static place => place.SetName).OfType<string>()
            .Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        if (sets.Count == 0)
        {
            sets.Add("__AllParameterSets");
        }

        return sets;
    }

    /// <summary>Adds what a client answers for: credentials wherever a host can be named, and <c>-AsJob</c>.</summary>
    private static void Complete(List<ParameterModel> parameters, bool asJob)
    {
        var computer = parameters.FirstOrDefault(static parameter => parameter.Name == "ComputerName");
        if (computer is not null && !parameters.Any(static parameter => parameter.Name == "Credential"))
        {
            parameters.Add(new ParameterModel(
                "Credential",
                new TypeModel("Credential", "PSCredential", "", IsArray: true, IsNullableValue: false, [], []),
                [.. computer.Places.Select(static place => new PlaceModel(place.SetName, -1, false, false, false))],
                "Who signs in to the hosts that ComputerName gives; the current user when left out.")
            { ClientSide = true, Declared = false });
        }

        if (asJob && !parameters.Any(static parameter => parameter.Name == "AsJob"))
        {
            parameters.Add(new ParameterModel(
                "AsJob",
                new TypeModel("Switch", "SwitchParameter", "", IsArray: false, IsNullableValue: false, [], []),
                [new PlaceModel(null, -1, false, false, false)],
                "Works in the background and gives back a job.")
            { ClientSide = true, Declared = false });
        }
    }

    private static ExpressionSyntax? Named(AttributeFacts attribute, string name) => attribute.Named.TryGetValue(name, out var value) ? value : null;

    private List<string> Texts(ExpressionSyntax? expression, ClassFacts owner) =>
        expression is not null && _constants.Read(expression, owner) is object?[] items ? [.. items.OfType<string>()] : [];
}
