namespace Vireo.Machines.Devices;

/// <summary>
/// Sets of keys that secure boot goes by, by the original's names. The firmware of the package ovmf has both of Microsoft's authorities enrolled together, so
/// the two names mean the same here.
/// </summary>
public static class SecureBootTemplates
{
    /// <summary>What a machine has that was told nothing.</summary>
    public const string Default = "MicrosoftWindows";

    private static readonly Dictionary<string, Guid> s_ids = new(StringComparer.OrdinalIgnoreCase)
    {
        [Default] = new("1734c6e8-3154-4dda-ba5f-a874cc483422"),
        ["MicrosoftUEFICertificateAuthority"] = new("272e7447-90a4-4563-a4b9-8e4ab00526ce"),
    };

    /// <summary>All names.</summary>
    public static IEnumerable<string> Names => s_ids.Keys;

    /// <summary>Id of a template, or null.</summary>
    public static Guid? IdOf(string name) => s_ids.TryGetValue(name, out var id) ? id : null;

    /// <summary>Name of a template as it is written, or null.</summary>
    public static string? Find(string name) => s_ids.Keys.FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Name of the template with an id, or null.</summary>
    public static string? Find(Guid id) => s_ids.Where(template => template.Value == id).Select(template => template.Key).FirstOrDefault();
}
