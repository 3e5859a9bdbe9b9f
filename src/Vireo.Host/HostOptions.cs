namespace Vireo.Host;

/// <summary>Command line of the host plane.</summary>
/// <param name="Root">Root folder; null is the default host.</param>
internal sealed record HostOptions(string? Root)
{
    /// <summary>Reads the command line; null, after a sentence on <paramref name="errors"/>, when it cannot be read.</summary>
    public static HostOptions? Parse(IReadOnlyList<string> arguments, TextWriter errors)
    {
        string? root = null;
        for (var i = 0; i < arguments.Count; i++)
        {
            if (arguments[i] == "--root" && i + 1 < arguments.Count)
            {
                root = arguments[++i];
            }
            else
            {
                errors.WriteLine($"vireo-host does not know '{arguments[i]}'; it takes --root DIR.");
                return null;
            }
        }

        return new HostOptions(root);
    }
}
