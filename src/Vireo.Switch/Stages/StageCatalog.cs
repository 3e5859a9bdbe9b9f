using System.Globalization;
using Vireo.Control.Switching;
using Vireo.Switch.Sdk;

namespace Vireo.Switch.Stages;

/// <summary>The stages that settings can name. Built-in ones are registered by the very call that others use.</summary>
internal sealed class StageCatalog
{
    private readonly Dictionary<string, StageFactory> _factories = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A catalogue with the built-in stages.</summary>
    public StageCatalog(TimeProvider clock)
    {
        Register(new StageFactory(PassThroughStage.StageName, [], _ => new PassThroughStage()));
        Register(new StageFactory(
            FaultStage.StageName, [new("LossPercent", 0, 100), new("Seed", 0, uint.MaxValue)],
            values => new FaultStage(values["LossPercent"], (ulong)values["Seed"])));
        Register(new StageFactory(
            DelayStage.StageName, [new("Milliseconds", 0, 10_000)],
            values => new DelayStage(TimeSpan.FromMilliseconds(values["Milliseconds"]), clock)));
        Register(new StageFactory(
            TraceStage.StageName, [new("Frames", 1, 65_536)], values => new TraceStage((int)values["Frames"], clock)));
    }

    /// <summary>Makes a kind of stage known.</summary>
    public void Register(StageFactory factory) => _factories[factory.Name] = factory;

    /// <summary>Two settings with the same key mean the same stage.</summary>
    public static string KeyOf(StageSpecification stage) => string.Join(
        ' ', [stage.Name.ToUpperInvariant(), .. (stage.Settings ?? new Dictionary<string, double>()).OrderBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase)
            .Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key.ToUpperInvariant()}={pair.Value:R}"))]);

    /// <summary>Adds every fault of <paramref name="stage"/> to <paramref name="faults"/>.</summary>
    public void Validate(StageSpecification stage, List<string> faults)
    {
        if (!_factories.TryGetValue(stage.Name, out var factory))
        {
            faults.Add($"There is no stage '{stage.Name}'; there are {string.Join(", ", _factories.Keys.Order(StringComparer.Ordinal))}.");
            return;
        }

        foreach (var (name, value) in stage.Settings ?? new Dictionary<string, double>())
        {
            if (factory.Parameters.FirstOrDefault(known => string.Equals(known.Name, name, StringComparison.OrdinalIgnoreCase)) is not { } parameter)
            {
                faults.Add($"The stage '{factory.Name}' has no setting '{name}'; it has {string.Join(", ", factory.Parameters.Select(known => known.Name))}.");
            }
            else if (!(value >= parameter.Minimum && value <= parameter.Maximum))
            {
                faults.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The setting '{parameter.Name}' of the stage '{factory.Name}' cannot be {value}; it goes from {parameter.Minimum} to {parameter.Maximum}."));
            }
        }
    }

    /// <summary>Makes a stage from a valid setting; what it does not say is at its minimum.</summary>
    public IStage Create(StageSpecification stage)
    {
        var factory = _factories[stage.Name];
        var given = new Dictionary<string, double>(stage.Settings ?? new Dictionary<string, double>(), StringComparer.OrdinalIgnoreCase);
        return factory.Create(factory.Parameters.ToDictionary(
            parameter => parameter.Name, parameter => given.GetValueOrDefault(parameter.Name, parameter.Minimum), StringComparer.Ordinal));
    }
}

/// <summary>How a kind of stage is made.</summary>
/// <param name="Name">In settings.</param>
/// <param name="Parameters">Its settings.</param>
/// <param name="Create">From the values of all parameters.</param>
internal sealed record StageFactory(string Name, IReadOnlyList<StageParameter> Parameters, Func<IReadOnlyDictionary<string, double>, IStage> Create);

/// <summary>A number that a stage is set with.</summary>
internal sealed record StageParameter(string Name, double Minimum, double Maximum);
