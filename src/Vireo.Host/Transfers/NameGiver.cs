namespace Vireo.Host.Transfers;

/// <summary>Gives files of several folders names in one: their own where that is free, else with a number.</summary>
internal sealed class NameGiver
{
    private readonly HashSet<string> _taken = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A path in a folder for a file.</summary>
    public string Give(string folder, string source)
    {
        var name = Path.GetFileNameWithoutExtension(source);
        var extension = Path.GetExtension(source);
        var path = Path.Combine(folder, name + extension);
        for (var number = 2; !_taken.Add(path); number++)
        {
            path = Path.Combine(folder, $"{name} ({number}){extension}");
        }

        return path;
    }
}
