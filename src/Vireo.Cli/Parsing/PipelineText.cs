namespace Vireo.Cli.Parsing;

/// <summary>Splits what was typed into the stages of a pipeline and their words.</summary>
internal static class PipelineText
{
    /// <summary>
    /// Arguments from a shell. A single argument with spaces or a bar is a whole pipeline as in
    /// <c>vireo "Get-VM web* | Stop-VM -TurnOff"</c>; otherwise each argument is a word, and one that is just <c>|</c> starts the next stage.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<Word>> Split(IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 1 && arguments[0].AsSpan().IndexOfAny(" |\t\n") >= 0)
        {
            return Parse(arguments[0]);
        }

        var stages = new List<IReadOnlyList<Word>>();
        var words = new List<Word>();
        foreach (var argument in arguments)
        {
            if (argument == "|")
            {
                stages.Add(words);
                words = [];
            }
            else
            {
                words.Add(Word.FromShell(argument));
            }
        }

        stages.Add(words);
        return Checked(stages);
    }

    /// <summary>Parses a whole line: single and double quotes, the back-tick that takes the next character as it is, and bars.</summary>
    public static IReadOnlyList<IReadOnlyList<Word>> Parse(string line)
    {
        var stages = new List<IReadOnlyList<Word>>();
        var words = new List<Word>();
        var word = new Word.Builder();
        var quote = '\0';
        for (var i = 0; i < line.Length; i++)
        {
            var c = line[i];
            if (quote != '\0')
            {
                if (c == quote && i + 1 < line.Length && line[i + 1] == quote)
                {
                    word.Add(c, quoted: true);
                    i++;
                }
                else if (c == quote)
                {
                    quote = '\0';
                }
                else if (c == '`' && quote == '"' && i + 1 < line.Length)
                {
                    word.Add(line[++i], quoted: true);
                }
                else
                {
                    word.Add(c, quoted: true);
                }
            }
            else if (c == '@' && i + 1 < line.Length && line[i + 1] == '{' && MapText.EndOf(line, i) is > 0 and var end)
            {
                // A table is one word, with its quotes.
                for (; i < end; i++)
                {
                    word.Add(line[i], quoted: true);
                }

                i--;
            }
            else if (c is '\'' or '"')
            {
                quote = c;
                word.AddQuotes();
            }
            else if (c == '`' && i + 1 < line.Length)
            {
                word.Add(line[++i], quoted: true);
            }
            else if (char.IsWhiteSpace(c))
            {
                End();
            }
            else if (c == '|')
            {
                End();
                stages.Add(words);
                words = [];
            }
            else
            {
                word.Add(c, quoted: false);
            }
        }

        if (quote != '\0')
        {
            throw new CliException("TerminatorExpectedAtEndOfString", $"The line ends inside quotes; add the closing {quote}.");
        }

        End();
        stages.Add(words);
        return Checked(stages);

        void End()
        {
            if (word.Take() is { } complete)
            {
                words.Add(complete);
            }
        }
    }

    private static List<IReadOnlyList<Word>> Checked(List<IReadOnlyList<Word>> stages) =>
        stages.Exists(static stage => stage.Count == 0)
            ? throw new CliException("EmptyPipeElement", "A command is missing before or after a '|'.")
            : stages;
}
