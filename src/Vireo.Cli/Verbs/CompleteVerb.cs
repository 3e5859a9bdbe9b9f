using Vireo.Cli.Parsing;
using Vireo.Client;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary>Shell completion: a script for the shell, and the words it asks for.</summary>
internal static class CompleteVerb
{
    /// <summary>The verb that the scripts call; its arguments are the words up to the cursor, the last one unfinished.</summary>
    public const string WordsVerb = "__complete";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // The words are as typed, with their quotes; candidates go in quoted, unless that is within quotes.
    private const string Bash = """
        _vireo() {
            local program="${COMP_WORDS[0]/#\~/$HOME}" word quote="" words=("${COMP_WORDS[@]:1:COMP_CWORD}")
            for word in "${!words[@]}"; do
                case "${words[word]}" in
                    \'*|\"*) quote="${words[word]:0:1}"; words[word]="${words[word]#?}"; words[word]="${words[word]%"$quote"}" ;;
                    *) quote=""; words[word]="${words[word]//\\/}" ;;
                esac
            done
            COMPREPLY=()
            while IFS= read -r word; do
                [ -n "$quote" ] || printf -v word %q "$word"
                COMPREPLY+=("$word")
            done < <("$program" __complete "${words[@]}" 2>/dev/null)
            if [ ${#COMPREPLY[@]} -eq 0 ]; then compopt -o default; fi
        }
        complete -F _vireo vireo ./vireo

        """;

    private const string Zsh = """
        #compdef vireo
        _vireo() {
            local -a found
            found=("${(@f)$("${${(Q)words[1]}/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
            if [[ -n "${found[1]}" ]]; then compadd -M 'm:{a-zA-Z}={A-Za-z}' -a found; else _files; fi
        }
        compdef _vireo vireo ./vireo

        """;

    private static readonly string[] GlobalNames = ["--root", "--host", "--json"];

    public static Task<int> RunAsync(VerbContext context)
    {
        context.Terminal.Out.Write(context.Arguments switch
        {
            ["bash"] => Bash,
            ["zsh"] => Zsh,
            _ => throw new CliException("InvalidParameter", "Say for which shell: 'vireo complete bash' or 'vireo complete zsh'."),
        });
        return Task.FromResult(ExitStatus.Ok);
    }

    public static async Task<int> WordsAsync(VerbContext context)
    {
        foreach (var word in await WordsAsync(context.Options, context.Arguments, Patience, context.Cancellation))
        {
            context.Terminal.Out.Write(word + "\n");
        }

        return ExitStatus.Ok;
    }

    /// <summary>What the last of <paramref name="typed"/> could become. Nothing means: a file name, if anything.</summary>
    internal static async Task<IReadOnlyList<string>> WordsAsync(
        GlobalOptions options, IReadOnlyList<string> typed, TimeSpan patience, CancellationToken cancellation)
    {
        using var patient = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patient.CancelAfter(patience);
        cancellation = patient.Token;
        (options, typed) = WithoutGlobal(options, typed);
        var last = typed.Count == 0 ? "" : typed[^1];
        if (typed.Count == 1 && last.StartsWith('-'))
        {
            return Matching(GlobalNames, last);
        }

        if (typed.Count > 1 && typed[0] is "--root" or "--host")
        {
            return []; // the folder or address is being typed
        }

        if (typed.Count <= 1)
        {
            return Matching(CommandTable.Names.Concat(CommandTable.Aliases.Select(static alias => alias.Key)).Concat(Verb.Names), last);
        }

        if (typed[0] == "help")
        {
            return Matching(CommandTable.Names, last);
        }

        if (typed[0] == "console")
        {
            return await NamesAsync(options, "Get-VM", last, cancellation);
        }

        if (CommandTable.Find(typed[0]) is not { } command)
        {
            return typed[0] == "complete" ? Matching(["bash", "zsh"], last) : [];
        }

        var words = typed.Skip(1).SkipLast(1).Select(Word.FromShell).ToList();
        if (last.StartsWith('-'))
        {
            return Matching(ArgumentBinder.Names(command).Select(static name => "-" + name), last);
        }

        return Current(command, words) is { } parameter ? await ValuesAsync(options, command, parameter, last, cancellation) : [];
    }

    /// <summary>Takes complete global options off the front, as the command line would. Bash makes three words of <c>--root=folder</c>.</summary>
    private static (GlobalOptions Options, IReadOnlyList<string> Typed) WithoutGlobal(GlobalOptions options, IReadOnlyList<string> typed)
    {
        var at = 0;
        while (at < typed.Count - 1)
        {
            var (name, value, words) = typed[at] switch
            {
                "--root" or "--host" when typed[at + 1] == "=" => (typed[at], at + 2 < typed.Count ? typed[at + 2] : "", 3),
                "--root" or "--host" => (typed[at], typed[at + 1], 2),
                "--json" or "-Json" => (typed[at], "", 1),
                _ when typed[at].StartsWith("--root=", StringComparison.Ordinal) || typed[at].StartsWith("--host=", StringComparison.Ordinal) => (typed[at][..6], typed[at][7..], 1),
                _ => ("", "", 0),
            };
            if (words == 0 || at + words >= typed.Count)
            {
                break;
            }

            options = name switch
            {
                "--root" when value.Length > 0 => options with { Root = Path.GetFullPath(value) },
                "--host" => options with { Host = value },
                _ => options,
            };
            at += words;
        }

        return (options, [.. typed.Skip(at)]);
    }

    /// <summary>The parameter whose value is being typed.</summary>
    private static ParameterInfo? Current(CommandInfo command, List<Word> words)
    {
        if (words.Count > 0 && words[^1].IsParameter)
        {
            var name = words[^1].SplitParameter().Name;
            var named = command.Find(name) ?? Only(command.Parameters.Where(parameter => parameter.Name.StartsWith(name, StringComparison.OrdinalIgnoreCase)));
            if (named is { Kind: not ParameterKind.Switch })
            {
                return named;
            }
        }

        // Positions: count the words that belong to no parameter.
        var position = 0;
        for (var i = 0; i < words.Count; i++)
        {
            if (!words[i].IsParameter)
            {
                position++;
            }
            else if (command.Find(words[i].SplitParameter().Name) is { Kind: not ParameterKind.Switch })
            {
                i++;
            }
        }

        var set = command.DefaultSet ?? command.Sets[0];
        return command.Parameters.FirstOrDefault(parameter => parameter.In(set)?.Position == position);
    }

    private static ParameterInfo? Only(IEnumerable<ParameterInfo> candidates) => candidates.Take(2).ToList() is [var only] ? only : null;

    private static async Task<IReadOnlyList<string>> ValuesAsync(
        GlobalOptions options, CommandInfo command, ParameterInfo parameter, string last, CancellationToken cancellation)
    {
        if (parameter.Values.Count > 0)
        {
            return Matching(parameter.Values.Select(static value => value.Name), last);
        }

        if (parameter.AcceptedValues.Count > 0)
        {
            return Matching(parameter.AcceptedValues, last);
        }

        if (parameter.Kind == ParameterKind.Boolean)
        {
            return Matching(["$true", "$false"], last);
        }

        var source = (parameter.Name, command.Noun) switch
        {
            ("VMName", _) or ("Name", "VM") when command.Verb != "New" => "Get-VM",
            ("SwitchName", _) or ("Name", "VMSwitch") when command.Verb != "New" => "Get-VMSwitch",
            _ => null,
        };
        return source is null ? [] : await NamesAsync(options, source, last, cancellation);
    }

    /// <summary>Names of the host's objects; none when the host does not answer soon.</summary>
    private static async Task<IReadOnlyList<string>> NamesAsync(GlobalOptions options, string command, string last, CancellationToken cancellation)
    {
        var names = new List<string>();
        try
        {
            using var host = new HostClient(options.Address);
            var request = new CommandRequest { Parameters = ArgumentValue.Json(static writer => { writer.WriteStartObject(); writer.WriteEndObject(); }) };
            await foreach (var record in host.SendAsync(command, request, cancellation))
            {
                if (record is ObjectRecord value && value.Value.TryGetProperty("Name", out var name))
                {
                    names.Add(name.GetString() ?? "");
                }
            }
        }
        catch (Exception error) when (error is HostUnreachableException or OperationCanceledException or FormatException)
        {
            // Completion is a convenience: without a host there are no names to offer.
            return [];
        }

        return Matching(names, last);
    }

    private static List<string> Matching(IEnumerable<string> words, string start) =>
        [.. words.Where(word => word.StartsWith(start, StringComparison.OrdinalIgnoreCase)).Distinct(StringComparer.Ordinal)];
}
