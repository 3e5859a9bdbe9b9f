using System.Text;

namespace Vireo.Cli.Parsing;

/// <summary>
/// Reads tables as PowerShell writes them: <c>@{Name='text'; Other=text}</c>, several with commas between. Texts may be in single or double quotes,
/// in which a doubled quote stands for one.
/// </summary>
internal sealed class MapText
{
    private readonly string _text;
    private int _at;

    private MapText(string text) => _text = text;

    /// <summary>The tables in order, each with its entries in order; null when the text is no such thing.</summary>
    public static IReadOnlyList<IReadOnlyList<(string Name, string Text)>>? Read(string text)
    {
        var reader = new MapText(text);
        var maps = new List<IReadOnlyList<(string Name, string Text)>>();
        do
        {
            if (reader.ReadMap() is not { } map)
            {
                return null;
            }

            maps.Add(map);
        }
        while (reader.Take(','));
        return reader._at == text.Length ? maps : null;
    }

    /// <summary>The end of the table that begins at <paramref name="start"/>, behind its brace; -1 when it has none.</summary>
    public static int EndOf(string line, int start)
    {
        var quote = '\0';
        for (var i = start; i < line.Length; i++)
        {
            if (quote != '\0')
            {
                quote = line[i] == quote ? '\0' : quote;
            }
            else if (line[i] is '\'' or '"')
            {
                quote = line[i];
            }
            else if (line[i] == '}')
            {
                return i + 1;
            }
        }

        return -1;
    }

    private List<(string Name, string Text)>? ReadMap()
    {
        if (!Take('@') || !Take('{'))
        {
            return null;
        }

        var entries = new List<(string Name, string Text)>();
        while (!Take('}'))
        {
            if (Word("=;}") is not { Length: > 0 } name || !Take('=') || Word(";}") is not { } text)
            {
                return null;
            }

            entries.Add((name, text));
            if (!Take(';') && (_at == _text.Length || _text[_at] != '}'))
            {
                return null;
            }
        }

        Skip();
        return entries;
    }

    private string? Word(string ends)
    {
        Skip();
        if (_at < _text.Length && _text[_at] is '\'' or '"')
        {
            return Quoted(_text[_at++]);
        }

        var start = _at;
        while (_at < _text.Length && !ends.Contains(_text[_at], StringComparison.Ordinal))
        {
            _at++;
        }

        return _text[start.._at].TrimEnd();
    }

    private string? Quoted(char quote)
    {
        var text = new StringBuilder();
        for (; _at < _text.Length; _at++)
        {
            if (_text[_at] != quote)
            {
                text.Append(_text[_at]);
            }
            else if (_at + 1 < _text.Length && _text[_at + 1] == quote)
            {
                text.Append(_text[_at++]);
            }
            else
            {
                _at++;
                Skip();
                return text.ToString();
            }
        }

        return null;
    }

    private bool Take(char wanted)
    {
        Skip();
        if (_at == _text.Length || _text[_at] != wanted)
        {
            return false;
        }

        _at++;
        Skip();
        return true;
    }

    private void Skip()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
        {
            _at++;
        }
    }
}
