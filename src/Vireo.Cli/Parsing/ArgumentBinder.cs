using System.Text.Json;
using Vireo.Surface;

namespace Vireo.Cli.Parsing;

/// <summary>
/// Binds words to parameters as PowerShell does: names and their unique prefixes first, then positions, in the default set before the
/// others.
/// </summary>
internal sealed class ArgumentBinder(CommandInfo command, string currentFolder)
{
    private static readonly string[] CommonSwitches = ["WhatIf", "Confirm", "Verbose", "Debug", "Json"];
    private static readonly string[] CommonValues = ["ErrorAction", "WarningAction"];

    private readonly Call _call = new(command);

    /// <summary>The call that <paramref name="words"/> mean, without the command's name.</summary>
    public Call Bind(IReadOnlyList<Word> words, bool hasPipelineInput)
    {
        var positional = new List<Word>();
        for (var i = 0; i < words.Count; i++)
        {
            if (words[i].IsParameter)
            {
                BindNamed(words, ref i);
            }
            else
            {
                positional.Add(Value(words, ref i));
            }
        }

        foreach (var word in positional)
        {
            BindPositional(word);
        }

        Check(hasPipelineInput);
        return _call;
    }

    /// <summary>Names that a prefix could mean: the parameters' and the common ones.</summary>
    public static IEnumerable<string> Names(CommandInfo command) =>
        command.Parameters.Select(static parameter => parameter.Name)
            .Concat(command.SupportsShouldProcess ? CommonSwitches : CommonSwitches.Where(static name => name is not ("WhatIf" or "Confirm")))
            .Concat(CommonValues);

    /// <summary>A value, with the words that commas add to it.</summary>
    private static Word Value(IReadOnlyList<Word> words, ref int index)
    {
        var word = words[index];
        while (index + 1 < words.Count && (word.Continues || words[index + 1].IsContinuation))
        {
            word = word.Append(words[++index]);
        }

        return word;
    }

    private void BindNamed(IReadOnlyList<Word> words, ref int index)
    {
        var (typed, attached) = words[index].SplitParameter();
        var name = Resolve(typed);
        if (attached is { Text: "", IsQuoted: false } && (CommonSwitches.Contains(name, StringComparer.Ordinal) || command.Find(name)?.Kind == ParameterKind.Switch))
        {
            throw Wrong(name, attached, "");
        }

        if (command.Find(name) is { } parameter)
        {
            if (parameter.Kind == ParameterKind.Switch)
            {
                Set(parameter, attached is null ? ArgumentValue.True : ArgumentValue.Read(command, parameter, attached, currentFolder));
            }
            else
            {
                Set(parameter, ArgumentValue.Read(command, parameter, attached ?? Next(words, ref index, name), currentFolder));
            }
        }
        else if (CommonSwitches.Contains(name, StringComparer.Ordinal))
        {
            var on = attached is null || (ValueText.TryBoolean(attached.Text, out var flag) ? flag : throw Wrong(name, attached, "$true or $false"));
            SetCommon(name, on);
        }
        else
        {
            SetCommon(name, attached ?? Next(words, ref index, name));
        }
    }

    private Word Next(IReadOnlyList<Word> words, ref int index, string name)
    {
        if (index + 1 >= words.Count || words[index + 1].IsParameter)
        {
            throw new CliException("MissingArgument", $"{command.Name}: the parameter '{name}' needs a value.");
        }

        index++;
        return Value(words, ref index);
    }

    /// <summary>The full name for a name, an alias or a unique prefix of one.</summary>
    private string Resolve(string typed)
    {
        if (command.Find(typed) is { } exact)
        {
            return exact.Name;
        }

        var matches = new List<string>();
        foreach (var parameter in command.Parameters)
        {
            if (parameter.Name.StartsWith(typed, StringComparison.OrdinalIgnoreCase)
                || parameter.Aliases.Any(alias => alias.StartsWith(typed, StringComparison.OrdinalIgnoreCase)))
            {
                matches.Add(parameter.Name);
            }
        }

        var common = Common(typed);
        if (matches.Count == 0 && common is not null)
        {
            return common;
        }

        matches.AddRange(Names(command).Where(name => command.Find(name) is null && name.StartsWith(typed, StringComparison.OrdinalIgnoreCase)));
        return matches.Count switch
        {
            1 => matches[0],
            0 => throw new CliException("NamedParameterNotFound", $"{command.Name} has no parameter '{typed}'; 'vireo help {command.Name}' lists them."),
            _ => throw new CliException("AmbiguousParameter", $"{command.Name}: '-{typed}' could be {string.Join(" or ", matches.Select(static name => "-" + name))}; type more of it."),
        };
    }

    private string? Common(string typed)
    {
        var name = typed.ToUpperInvariant() switch { "VB" => "Verbose", "EA" => "ErrorAction", "WA" => "WarningAction", "WI" => "WhatIf", "CF" => "Confirm", "DB" => "Debug", _ => null };
        return name is "WhatIf" or "Confirm" && !command.SupportsShouldProcess ? null : name;
    }

    private void Set(ParameterInfo parameter, JsonElement value)
    {
        if (!_call.Values.TryAdd(parameter, value))
        {
            throw new CliException("ParameterAlreadyBound", $"{command.Name}: the parameter '{parameter.Name}' is given twice; give it once.");
        }

        if (parameter.ClientSide && parameter.Name == "ComputerName")
        {
            // No name at all is as little a host as an empty one.
            _call.ComputerNames = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(static name => name.GetString()!)] : [""];
        }
        else if (parameter.ClientSide && parameter.Name == "AsJob")
        {
            _call.AsJob = value.GetBoolean();
        }
    }

    private void SetCommon(string name, bool on)
    {
        switch (name)
        {
            case "WhatIf":
                _call.WhatIf = on;
                break;
            case "Confirm":
                _call.Confirm = on;
                break;
            case "Verbose":
                _call.Verbose = on;
                break;
            case "Json":
                _call.Json = on;
                break;
            default:
                break; // -Debug: nothing more is known than -Verbose says
        }
    }

    private void SetCommon(string name, Word value)
    {
        if (name == "WarningAction")
        {
            _call.NoWarnings = value.Text.StartsWith("Silent", StringComparison.OrdinalIgnoreCase) || string.Equals(value.Text, "Ignore", StringComparison.OrdinalIgnoreCase);
            return;
        }

        _call.ErrorAction = value.Text.ToUpperInvariant() switch
        {
            "CONTINUE" or "INQUIRE" or "2" => ErrorAction.Continue,
            "STOP" or "1" => ErrorAction.Stop,
            "SILENTLYCONTINUE" or "IGNORE" or "0" or "4" => ErrorAction.SilentlyContinue,
            _ => throw Wrong(name, value, "Continue, Stop, SilentlyContinue or Ignore"),
        };
    }

    private void BindPositional(Word word)
    {
        CliException? refusal = null;
        var sets = ParameterSetChoice.Possibilities(command, _call.Values.Keys);
        foreach (var parameter in Candidates(sets))
        {
            try
            {
                Set(parameter, ArgumentValue.Read(command, parameter, word, currentFolder));
                return;
            }
            catch (CliException error)
            {
                refusal ??= error;
            }
        }

        throw refusal ?? new CliException(
            "PositionalParameterNotFound", $"{command.Name} has no place for '{word.Text}'; 'vireo help {command.Name}' shows how it is called.");
    }

    /// <summary>Parameters that stand at the next free position, those of the default set first; objects cannot be typed.</summary>
    private IEnumerable<ParameterInfo> Candidates(IReadOnlyList<string> sets)
    {
        var places =
            from parameter in command.Parameters
            where !_call.Values.ContainsKey(parameter)
            from set in sets
            let place = parameter.In(set)
            where place is { Position: >= 0 }
            let isDefault = string.Equals(set, command.DefaultSet, StringComparison.OrdinalIgnoreCase)
            orderby place.Position, isDefault ? 0 : 1, parameter.Kind == ParameterKind.Object ? 1 : 0
            select (parameter, place.Position);
        var first = -1;
        foreach (var (parameter, position) in places)
        {
            if (first >= 0 && position != first)
            {
                yield break;
            }

            first = position;
            yield return parameter;
        }
    }

    private void Check(bool hasPipelineInput)
    {
        var choice = ParameterSetChoice.For(
            command, _call.Values.Keys, comesLater: hasPipelineInput ? static (_, place) => place.FromPipeline || place.FromPipelineByName : null);
        if (choice.Possible.Count == 0)
        {
            throw new CliException(
                "AmbiguousParameterSet",
                $"{command.Name}: {string.Join(", ", _call.Values.Keys.Select(static parameter => "-" + parameter.Name))} do not go together; 'vireo help {command.Name}' shows the ways to call it.");
        }

        if (choice.Missing.Count > 0 && !hasPipelineInput)
        {
            throw new CliException(
                "MissingMandatoryParameter", $"{command.Name} needs {string.Join(", ", choice.Missing.Select(static parameter => "-" + parameter.Name))} too.");
        }

        if (choice.Name is null && !hasPipelineInput)
        {
            throw new CliException("AmbiguousParameterSet", $"{command.Name}: what was given leaves open what is meant; 'vireo help {command.Name}' shows the ways to call it.");
        }
    }

    private CliException Wrong(string name, Word value, string wanted) => value is { Text: "", IsQuoted: false }
        ? new("CannotConvertArgument", $"{command.Name}: nothing stands behind '-{name}:'; a shell takes $true and $false for itself, so write -{name}:true or -{name}:false.")
        : new("CannotConvertArgument", $"{command.Name}: the parameter '{name}' is '{value.Text}'; it must be {wanted}.");
}
