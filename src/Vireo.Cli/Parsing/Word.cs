using System.Text;

namespace Vireo.Cli.Parsing;

/// <summary>
/// One argument as typed. Its characters know whether they were quoted, because a quoted comma does not separate and a quoted dash does
/// not start a parameter.
/// </summary>
internal sealed class Word
{
    private readonly string _text;
    private readonly bool[] _quoted;

    private Word(string text, bool[] quoted)
    {
        _text = text;
        _quoted = quoted;
    }

    /// <summary>The text without quotes.</summary>
    public string Text => _text;

    /// <summary>Some of it was quoted.</summary>
    public bool IsQuoted => Array.IndexOf(_quoted, true) >= 0;

    /// <summary>Looks like <c>-Name</c>: a dash and a letter, neither quoted.</summary>
    public bool IsParameter => _text.Length >= 2 && _text[0] == '-' && char.IsLetter(_text[1]) && !_quoted[0] && !_quoted[1];

    /// <summary>Ends with a comma that separates: the next word belongs to it.</summary>
    public bool Continues => _text.Length > 0 && _text[^1] == ',' && !_quoted[^1];

    /// <summary>Starts with a comma that separates: it belongs to the word before.</summary>
    public bool IsContinuation => _text.Length > 0 && _text[0] == ',' && !_quoted[0];

    /// <summary>An argument that a shell handed over: quotes are gone already, and what is left is meant.</summary>
    public static Word FromShell(string text) => new(text, new bool[text.Length]);

    /// <summary>Both, as one.</summary>
    public Word Append(Word next) => new(_text + next._text, [.. _quoted, .. next._quoted]);

    /// <summary>Splits <c>-Name:value</c>; the value is null without a colon.</summary>
    public (string Name, Word? Value) SplitParameter()
    {
        for (var i = 1; i < _text.Length; i++)
        {
            if (_text[i] == ':' && !_quoted[i])
            {
                return (_text[1..i], new Word(_text[(i + 1)..], _quoted[(i + 1)..]));
            }
        }

        return (_text[1..], null);
    }

    /// <summary>The parts between commas that are not quoted.</summary>
    public IReadOnlyList<string> SplitList()
    {
        var parts = new List<string>();
        var part = new StringBuilder();
        for (var i = 0; i < _text.Length; i++)
        {
            if (_text[i] == ',' && !_quoted[i])
            {
                parts.Add(part.ToString());
                part.Clear();
            }
            else
            {
                part.Append(_text[i]);
            }
        }

        parts.Add(part.ToString());
        return parts;
    }

    /// <summary>Collects the characters of a word.</summary>
    internal sealed class Builder
    {
        private readonly StringBuilder _text = new();
        private readonly List<bool> _quoted = [];
        private bool _any;

        public void Add(char character, bool quoted)
        {
            _text.Append(character);
            _quoted.Add(quoted);
            _any = true;
        }

        /// <summary>A pair of quotes makes a word, even an empty one.</summary>
        public void AddQuotes() => _any = true;

        /// <summary>The word, or null when there is none; starts the next.</summary>
        public Word? Take()
        {
            var word = _any ? new Word(_text.ToString(), [.. _quoted]) : null;
            _text.Clear();
            _quoted.Clear();
            _any = false;
            return word;
        }
    }
}
