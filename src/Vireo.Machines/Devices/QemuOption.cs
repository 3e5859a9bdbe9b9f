using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Vireo.Machines.Devices;

/// <summary>
/// One option of QEMU's command line, or the arguments of the QMP command that does the same later: the same device is described once
/// whether the machine starts with it or gets it while running.
/// </summary>
/// <param name="flag">For example <c>-device</c>.</param>
/// <param name="leading">Value that stands first without a key, for example the driver; null when there is none.</param>
/// <param name="leadingKey">Its key in QMP.</param>
public sealed class QemuOption(string flag, string? leading = null, string leadingKey = "driver")
{
    private readonly List<(string Key, object Value)> _properties = [];

    /// <summary>For example <c>-device</c>.</summary>
    public string Flag { get; } = flag;

    /// <summary>Adds a text.</summary>
    public QemuOption With(string key, string value) => Add(key, value);

    /// <summary>Adds a number.</summary>
    public QemuOption With(string key, long value) => Add(key, value);

    /// <summary>Adds a switch.</summary>
    public QemuOption With(string key, bool value) => Add(key, value);

    /// <summary>Adds a number when there is one.</summary>
    public QemuOption WithOptional(string key, long? value) => value is { } number ? Add(key, number) : this;

    /// <summary>The value of the option; null when it has none. Commas in texts are doubled, so that no name or path can add a property.</summary>
    public string? ToArgument()
    {
        if (leading is null && _properties.Count == 0)
        {
            return null;
        }

        var text = new StringBuilder();
        if (leading is not null)
        {
            text.Append(Escape(leading));
        }

        foreach (var (key, value) in _properties)
        {
            if (text.Length > 0)
            {
                text.Append(',');
            }

            text.Append(key).Append('=').Append(value switch
            {
                bool on => on ? "on" : "off",
                long number => number.ToString(CultureInfo.InvariantCulture),
                _ => Escape((string)value),
            });
        }

        return text.ToString();
    }

    /// <summary>The same as arguments of a QMP command; <c>a.b</c> is property b of object a.</summary>
    public JsonObject ToJson()
    {
        var root = new JsonObject();
        if (leading is not null)
        {
            root[leadingKey] = leading;
        }

        foreach (var (key, value) in _properties)
        {
            var parent = root;
            var names = key.Split('.');
            foreach (var name in names[..^1])
            {
                if (parent[name] is not JsonObject child)
                {
                    parent[name] = child = [];
                }

                parent = child;
            }

            parent[names[^1]] = value switch
            {
                bool on => JsonValue.Create(on),
                long number => JsonValue.Create(number),
                _ => JsonValue.Create((string)value),
            };
        }

        return root;
    }

    private static string Escape(string text) => text.Replace(",", ",,", StringComparison.Ordinal);

    private QemuOption Add(string key, object value)
    {
        _properties.Add((key, value));
        return this;
    }
}
