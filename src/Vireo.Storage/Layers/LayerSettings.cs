using System.Globalization;

namespace Vireo.Storage.Layers;

/// <summary>The settings of a layer as text, read with their ranges. A wrong or unknown one is a <see cref="FormatException"/> that names it.</summary>
public sealed class LayerSettings(IReadOnlyDictionary<string, string>? values)
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <summary>A whole number from <paramref name="minimum"/> to <paramref name="maximum"/>.</summary>
    public int Integer(string name, int fallback, int minimum, int maximum)
    {
        if (Text(name) is not { } text)
        {
            return fallback;
        }

        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum
            ? value
            : throw new FormatException($"the setting '{name}' is '{text}', which must be a whole number from {minimum} to {maximum}");
    }

    /// <summary>A number from <paramref name="minimum"/> to <paramref name="maximum"/>.</summary>
    public double Number(string name, double fallback, double minimum, double maximum)
    {
        if (Text(name) is not { } text)
        {
            return fallback;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= minimum && value <= maximum
            ? value
            : throw new FormatException($"the setting '{name}' is '{text}', which must be a number from {minimum} to {maximum}");
    }

    /// <summary>One of the names of <typeparamref name="T"/>, or several with commas where they combine.</summary>
    public T Choice<T>(string name, T fallback)
        where T : struct, Enum
    {
        if (Text(name) is not { } text)
        {
            return fallback;
        }

        return Enum.TryParse<T>(text, ignoreCase: true, out var value) && !char.IsAsciiDigit(text[0])
            ? value
            : throw new FormatException($"the setting '{name}' is '{text}', which must be one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    /// <summary>A text that must be there.</summary>
    public string Required(string name) => Text(name) ?? throw new FormatException($"the setting '{name}' is missing");

    /// <summary>Refuses settings that nobody asked for.</summary>
    public void RefuseUnknown()
    {
        foreach (var name in values?.Keys ?? [])
        {
            if (!_read.Contains(name))
            {
                throw new FormatException($"there is no setting '{name}'");
            }
        }
    }

    private string? Text(string name)
    {
        _read.Add(name);
        return values?.GetValueOrDefault(name) is { Length: > 0 } text ? text : null;
    }
}
