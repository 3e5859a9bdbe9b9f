using System.Globalization;

namespace Vireo.Bench.Storage;

/// <summary>How <c>./bench storage</c> runs.</summary>
/// <param name="Seconds">Length of one measurement.</param>
/// <param name="Rounds">How often each is taken; the median counts.</param>
/// <param name="Folder">Where images are.</param>
/// <param name="DiskFolder">Where images are that are to be on a file system with a disk under it.</param>
/// <param name="Only">Name of the one part to run, or null.</param>
internal sealed record StorageOptions(double Seconds = 1.5, int Rounds = 3, string Folder = "/dev/shm", string DiskFolder = "/var/tmp", string? Only = null)
{
    /// <summary>Reads the arguments behind <c>storage</c>.</summary>
    /// <exception cref="ArgumentException">One is not known.</exception>
    public static StorageOptions Parse(IReadOnlyList<string> arguments, IEnumerable<string> parts)
    {
        var options = new StorageOptions();
        for (var i = 0; i < arguments.Count; i += 2)
        {
            var value = i + 1 < arguments.Count ? arguments[i + 1] : "";
            options = arguments[i] switch
            {
                "--seconds" => options with { Seconds = double.Parse(value, CultureInfo.InvariantCulture) },
                "--rounds" => options with { Rounds = int.Parse(value, CultureInfo.InvariantCulture) },
                "--folder" => options with { Folder = value },
                "--disk-folder" => options with { DiskFolder = value },
                "--only" when parts.Contains(value) => options with { Only = value },
                _ => throw new ArgumentException($"There is no option '{arguments[i]} {value}'; see ./bench without a name."),
            };
        }

        return options;
    }
}
