using System.Text.Json;
using Vireo.Platform.Files;
using Vireo.Switch.Plane;

namespace Vireo.Switch.Extensions.Deaths;

/// <summary>
/// The last deaths of the plane, and which extension they are put down to. An extension that a thread was inside of is guilty at the third death within five
/// minutes: one may be chance, a signal from outside among them. Where nothing was seen inside any, as when an extension's own native thread fails, the fifth
/// death takes out the one that was installed last, then the next.
/// </summary>
internal sealed class DeathLedger
{
    /// <summary>Deaths with a thread inside an extension that make it guilty.</summary>
    public const int InsideMax = 3;

    /// <summary>Deaths with nobody inside any that cost one of them its place.</summary>
    public const int OutsideMax = 5;

    /// <summary>Only the deaths of this time count.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    private const int DeathsMax = 64;
    private readonly string _path;
    private List<PlaneDeath> _deaths = [];

    /// <summary>Reads the ledger; a damaged one counts as empty, for it only saves time.</summary>
    public DeathLedger(string path)
    {
        _path = path;
        try
        {
            _deaths = File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), PlaneJson.Default.ListPlaneDeath) ?? [] : [];
        }
        catch (JsonException)
        {
            Fault = $"The file '{path}' is damaged and was begun anew; extensions that ended the switch plane before have another three tries.";
        }
    }

    /// <summary>What is wrong with the file.</summary>
    public string? Fault { get; }

    /// <summary>Notes a death and finds out who is guilty now.</summary>
    /// <param name="death">The death.</param>
    /// <param name="installed">What is installed, the last one first.</param>
    /// <exception cref="IOException">It cannot be stored.</exception>
    public IReadOnlyList<GuiltyExtension> Add(PlaneDeath death, IReadOnlyList<ExtensionPackage> installed)
    {
        _deaths = [.. _deaths.Append(death).Where(one => death.At - one.At < Window && one.At <= death.At).TakeLast(DeathsMax)];
        List<GuiltyExtension> guilty =
        [
            .. _deaths.SelectMany(one => one.Suspects).Where(one => one.IsInside).GroupBy(one => (one.ExtensionId, one.Version))
                .Where(group => group.Count() >= InsideMax)
                .Select(group => new GuiltyExtension(
                    new ExtensionFailure(group.Key.ExtensionId, group.Key.Version, $"The switch plane ended {group.Count()} times within {Window.TotalMinutes:0} minutes while its code ran."),
                    group.Count(one => one.IsDescribing) >= InsideMax)),
        ];
        var outside = _deaths.Where(one => !one.IsInside).ToList();
        if (outside.Count >= OutsideMax)
        {
            var always = outside.Skip(1).Aggregate(Runs(outside[0]), (left, one) => [.. left.Intersect(Runs(one))]);
            if (installed.FirstOrDefault(one => always.Contains((one.Manifest.Id, one.Manifest.Version))) is { Manifest: var manifest })
            {
                guilty.Add(new GuiltyExtension(
                    new ExtensionFailure(
                        manifest.Id, manifest.Version,
                        $"The switch plane ended {outside.Count} times within {Window.TotalMinutes:0} minutes while nobody was seen inside an extension; of those that ran this one was installed last."),
                    IsDescribing: false));

                // Should it not have been that one, as many again cost the next one its place.
                _deaths.RemoveAll(one => !one.IsInside);
            }
        }

        Save();
        return guilty;
    }

    /// <summary>An extension gets another try.</summary>
    /// <exception cref="IOException">It cannot be stored.</exception>
    public void Forgive(Guid extension)
    {
        if (_deaths.Exists(death => death.Suspects.Any(one => one.ExtensionId == extension)))
        {
            _deaths = [.. _deaths.Select(death => death with { Suspects = [.. death.Suspects.Where(one => one.ExtensionId != extension)] }).Where(death => death.Suspects.Count > 0)];
            Save();
        }
    }

    private static List<(Guid, string)> Runs(PlaneDeath death) => [.. death.Suspects.Where(one => !one.IsDescribing).Select(one => (one.ExtensionId, one.Version))];

    private void Save() => AtomicFile.Write(_path, JsonSerializer.SerializeToUtf8Bytes(_deaths, PlaneJson.Default.ListPlaneDeath));
}

/// <summary>An extension that the plane's deaths are put down to.</summary>
/// <param name="Failure">Which one, and why.</param>
/// <param name="IsDescribing">It even ends the plane when it is asked for its settings, so that it is not loaded at all.</param>
internal sealed record GuiltyExtension(ExtensionFailure Failure, bool IsDescribing);
