using System.Text.Json;
using Vireo.Surface;

namespace Vireo.Commands.Framework;

/// <summary>A command that has its parameters and can run.</summary>
/// <param name="Descriptor">What it is.</param>
/// <param name="Command">The instance.</param>
/// <param name="ParameterSetName">The set that its parameters chose.</param>
/// <param name="Bound">Names of the parameters that were given.</param>
/// <param name="Force"><c>-Force</c> was given: questions are answered with yes.</param>
public sealed record BoundCommand(CommandDescriptor Descriptor, Command Command, string ParameterSetName, IReadOnlySet<string> Bound, bool Force);

/// <summary>A command of the host: what it is, and how its parameters are set. Made at build time from the command's class.</summary>
/// <param name="info">What every surface shows.</param>
/// <param name="create">Makes an instance.</param>
/// <param name="assign">Sets one property of it.</param>
public sealed class CommandDescriptor(CommandInfo info, Func<Command> create, Action<Command, ArgumentReader> assign)
{
    /// <summary>What every surface shows.</summary>
    public CommandInfo Info { get; } = info;

    /// <summary>Makes the command with its parameters.</summary>
    /// <param name="parameters">A JSON object whose members are the parameters, by name or alias.</param>
    /// <param name="parameterSetName">The set that the client chose, or null to choose it here.</param>
    /// <exception cref="CommandException">The parameters make no call of this command; the id is PowerShell's.</exception>
    public BoundCommand Bind(JsonElement parameters, string? parameterSetName = null)
    {
        if (parameters.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined or JsonValueKind.Null))
        {
            throw new CommandException("InvalidRequest", ErrorCategory.InvalidArgument, $"{Info.Name}: the parameters must be a JSON object.");
        }

        var given = Match(parameters);
        var set = ChooseSet([.. given.Keys], parameterSetName);
        var command = create();
        var force = false;
        foreach (var (parameter, value) in given)
        {
            RefuseNothing(parameter, parameter.In(set)!, value);
            var reader = new ArgumentReader(Info, parameter, value);
            assign(command, reader);
            force |= parameter.Name == "Force" && parameter.Kind == ParameterKind.Switch && reader.Boolean();
        }

        return new BoundCommand(this, command, set, given.Keys.Select(static parameter => parameter.Name).ToHashSet(StringComparer.OrdinalIgnoreCase), force);
    }

    private Dictionary<ParameterInfo, JsonElement> Match(JsonElement parameters)
    {
        var given = new Dictionary<ParameterInfo, JsonElement>(ReferenceEqualityComparer.Instance);
        if (parameters.ValueKind != JsonValueKind.Object)
        {
            return given;
        }

        foreach (var member in parameters.EnumerateObject())
        {
            var parameter = Info.Find(member.Name) ?? throw new CommandException(
                "NamedParameterNotFound", ErrorCategory.InvalidArgument, $"{Info.Name} has no parameter '{member.Name}'; 'vireo help {Info.Name}' lists them.", member.Name);
            if (!given.TryAdd(parameter, member.Value))
            {
                throw new CommandException(
                    "ParameterAlreadyBound", ErrorCategory.InvalidArgument, $"{Info.Name}: the parameter '{parameter.Name}' is given twice; give it once.", parameter.Name);
            }
        }

        return given;
    }

    private string ChooseSet(IReadOnlyCollection<ParameterInfo> given, string? wanted)
    {
        var choice = ParameterSetChoice.For(Info, given, wanted);
        if (choice.Name is null)
        {
            var names = given.Count == 0 ? "no parameters" : string.Join(", ", given.Select(static parameter => "-" + parameter.Name));
            throw new CommandException(
                "AmbiguousParameterSet", ErrorCategory.InvalidArgument, $"{Info.Name}: {names} do not go together, or leave open what is meant; 'vireo help {Info.Name}' shows the ways to call it.");
        }

        if (choice.Missing.Count > 0)
        {
            throw new CommandException(
                "MissingMandatoryParameter",
                ErrorCategory.InvalidArgument,
                $"{Info.Name} needs {string.Join(", ", choice.Missing.Select(static parameter => "-" + parameter.Name))} too.",
                choice.Missing[0].Name);
        }

        return choice.Name;
    }

    /// <summary>A mandatory parameter takes neither null nor nothing.</summary>
    private void RefuseNothing(ParameterInfo parameter, ParameterPlace place, JsonElement value)
    {
        if (!place.Mandatory && !(parameter.NotEmpty && value.ValueKind == JsonValueKind.Null))
        {
            return;
        }

        var id = value.ValueKind switch
        {
            JsonValueKind.Null => "ParameterArgumentValidationErrorNullNotAllowed",
            JsonValueKind.String when value.ValueEquals("") => "ParameterArgumentValidationErrorEmptyStringNotAllowed",
            JsonValueKind.Array when value.GetArrayLength() == 0 => "ParameterArgumentValidationErrorEmptyArrayNotAllowed",
            _ => null,
        };
        if (id is not null)
        {
            throw new CommandException(id, ErrorCategory.InvalidData, $"{Info.Name}: the parameter '{parameter.Name}' is empty; give a value.", parameter.Name);
        }
    }
}
