namespace Vireo.Commands.Framework;

/// <summary>Names with texts: a hashtable of PowerShell whose values are texts. Names are compared without regard to case.</summary>
/// <param name="texts">What it holds.</param>
public sealed class TextMap(IReadOnlyDictionary<string, string> texts)
{
    /// <summary>More entries are refused.</summary>
    public const int MaximumEntries = 1000;

    /// <summary>The names.</summary>
    public IEnumerable<string> Names => texts.Keys;

    /// <summary>The text of a name, or null.</summary>
    public string? this[string name] => texts.GetValueOrDefault(name);
}
