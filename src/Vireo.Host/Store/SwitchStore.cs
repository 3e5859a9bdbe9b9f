using Vireo.Commands.Services;
using Vireo.Platform.Files;

namespace Vireo.Host.Store;

/// <summary>Switches on disk: one file each, <c>switches/&lt;id&gt;.json</c>.</summary>
/// <param name="stateFolder">State folder of the host.</param>
public sealed class SwitchStore(string stateFolder)
{
    private const int NewestVersion = 1;
    private readonly string _folder = Path.Combine(stateFolder, "switches");

    /// <summary>Where traces go that were not told another place.</summary>
    public string TraceFolder { get; } = Path.Combine(stateFolder, "traces");

    /// <summary>Every switch.</summary>
    public IReadOnlyList<SwitchConfiguration> Load()
    {
        Directory.CreateDirectory(_folder);
        AtomicFile.SweepFolder(_folder);
        return
        [
            .. Directory.EnumerateFiles(_folder, "*.json")
                .Where(file => Guid.TryParse(Path.GetFileNameWithoutExtension(file), out _))
                .Select(file => JsonFile.Read(file, StoreJson.Default.SwitchConfiguration, static one => one.FormatVersion, NewestVersion)!),
        ];
    }

    /// <summary>Creates or replaces a switch.</summary>
    public void Save(SwitchConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        JsonFile.Write(File(configuration.Id), configuration, StoreJson.Default.SwitchConfiguration);
    }

    /// <summary>Removes a switch.</summary>
    public void Remove(Guid id) => AtomicFile.Delete(File(id));

    private string File(Guid id) => Path.Combine(_folder, $"{id:D}.json");
}
