using System.Globalization;

namespace Vireo.Machines.HyperV;

/// <summary>A file is no configuration that can be read.</summary>
/// <param name="message">Why, as the end of "it cannot be read: ...".</param>
/// <param name="inner">What was found.</param>
public sealed class SettingsFormatException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// A node of a Hyper-V configuration: both of its formats, XML and the binary one, hold the same tree of names, values and further nodes. Names are
/// compared without regard to case.
/// </summary>
/// <param name="name">Name.</param>
/// <param name="text">Value as text, bytes in base64; null for a node that has none.</param>
public sealed class SettingsNode(string name, string? text)
{
    private readonly List<SettingsNode> _children = [];

    /// <summary>Name.</summary>
    public string Name => name;

    /// <summary>Nodes below it, in the file's order.</summary>
    public IReadOnlyList<SettingsNode> Children => _children;

    /// <summary>The file has changes in its log that were not applied to it: its writer was cut short.</summary>
    public bool HasPendingChanges { get; init; }

    /// <summary>Puts a node below this one.</summary>
    public void Add(SettingsNode child) => _children.Add(child);

    /// <summary>The first node at a path such as <c>settings/processors/count</c>, or null.</summary>
    public SettingsNode? Find(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var at = this;
        foreach (var part in path.Split('/'))
        {
            at = at._children.Find(child => string.Equals(child.Name, part, StringComparison.OrdinalIgnoreCase));
            if (at is null)
            {
                return null;
            }
        }

        return at;
    }

    /// <summary>The text at a path, or null.</summary>
    public string? Text(string path) => Find(path)?.Value;

    /// <summary>The whole number at a path, or null.</summary>
    public long? Number(string path) => long.TryParse(Text(path), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The truth value at a path, or null.</summary>
    public bool? Flag(string path) => bool.TryParse(Text(path), out var flag) ? flag : null;

    /// <summary>The bytes at a path, or null.</summary>
    public byte[]? Bytes(string path)
    {
        var encoded = Text(path);
        if (encoded is null)
        {
            return null;
        }

        var bytes = new byte[encoded.Length];
        return Convert.TryFromBase64String(encoded, bytes, out var length) ? bytes[..length] : null;
    }

    /// <summary>The identity at a path, or null.</summary>
    public Guid? Id(string path) => Guid.TryParse(Text(path), out var id) ? id : null;

    private string? Value => text;
}
