using Vireo.Surface;

namespace Vireo.Commands.Tests.Surface;

/// <summary>Finds where a command's surface differs from the original's. Each difference is one line that names the command first.</summary>
internal static class SurfaceComparison
{
    /// <summary>All differences.</summary>
    public static IEnumerable<string> Compare(CommandInfo ours, ReferenceCommand reference)
    {
        var name = reference.Name;
        if (ours.SupportsShouldProcess != reference.ShouldProcess)
        {
            yield return $"{name}: ShouldProcess is {ours.SupportsShouldProcess}";
        }

        if (ours.SupportsAsJob != reference.AsJob)
        {
            yield return $"{name}: AsJob is {ours.SupportsAsJob}";
        }

        foreach (var difference in Sets(ours, reference).Concat(Parameters(ours, reference)).Concat(Outputs(ours, reference)))
        {
            yield return $"{name}: {difference}";
        }

        foreach (var set in reference.Sets)
        {
            if (OurSet(ours, reference, set.Name) is not { } ourSet)
            {
                continue;
            }

            foreach (var difference in InSet(ours, reference, set, ourSet))
            {
                yield return $"{name}: {difference} in set '{set.Name}'";
            }
        }
    }

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    /// <summary>A command with one set need not name it.</summary>
    private static string? OurSet(CommandInfo ours, ReferenceCommand reference, string name) =>
        ours.Sets.FirstOrDefault(set => Same(set, name)) ?? (ours.Sets.Count == 1 && reference.Sets.Count == 1 ? ours.Sets[0] : null);

    private static IEnumerable<string> Sets(CommandInfo ours, ReferenceCommand reference)
    {
        foreach (var set in reference.Sets.Where(set => OurSet(ours, reference, set.Name) is null))
        {
            yield return $"set '{set.Name}' is missing";
        }

        foreach (var set in ours.Sets.Where(set => reference.Sets.All(other => OurSet(ours, reference, other.Name) != set)))
        {
            yield return $"set '{set}' is not the original's";
        }

        if (reference.Sets.Count > 1 && reference.Sets.FirstOrDefault(static set => set.IsDefault) is { } wanted && !Same(ours.DefaultSet ?? "", wanted.Name))
        {
            yield return $"default set is '{ours.DefaultSet}' instead of '{wanted.Name}'";
        }
    }

    private static IEnumerable<string> Parameters(CommandInfo ours, ReferenceCommand reference)
    {
        var wanted = reference.Sets.SelectMany(static set => set.Parameters).DistinctBy(static parameter => parameter.Name, StringComparer.OrdinalIgnoreCase).ToList();
        foreach (var parameter in ours.Parameters.Where(parameter => wanted.TrueForAll(other => !Same(other.Name, parameter.Name))))
        {
            yield return $"parameter {parameter.Name} is not the original's";
        }

        foreach (var parameter in wanted)
        {
            var mine = ours.Parameters.FirstOrDefault(candidate => Same(candidate.Name, parameter.Name));
            if (mine is null)
            {
                yield return $"parameter {parameter.Name} is missing";
                continue;
            }

            if (mine.TypeName != parameter.Type)
            {
                yield return $"parameter {parameter.Name} is a {mine.TypeName} instead of a {parameter.Type}";
            }

            // A parameter may take less in one set than in another.
            var all = reference.Sets.SelectMany(static set => set.Parameters).Where(other => Same(other.Name, parameter.Name)).ToList();
            if (all.TrueForAll(static other => other.AcceptedValues is not null))
            {
                foreach (var difference in Values(mine, [.. all.SelectMany(static other => other.AcceptedValues!).Distinct()]))
                {
                    yield return $"parameter {parameter.Name} {difference}";
                }
            }

            var aliases = reference.Sets.SelectMany(static set => set.Parameters).Where(other => Same(other.Name, parameter.Name))
                .SelectMany(static other => other.Aliases).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase).ToList();
            if (!mine.Aliases.Order(StringComparer.OrdinalIgnoreCase).SequenceEqual(aliases, StringComparer.OrdinalIgnoreCase))
            {
                yield return $"parameter {parameter.Name} has the aliases ({string.Join(", ", mine.Aliases)}) instead of ({string.Join(", ", aliases)})";
            }
        }
    }

    private static IEnumerable<string> Values(ParameterInfo mine, List<string> wanted)
    {
        var taken = mine.AcceptedValues.Count > 0 ? mine.AcceptedValues
            : mine is { Minimum: { } least, Maximum: { } most } && most - least < wanted.Count + 1 ? [.. Enumerable.Range((int)least, (int)(most - least) + 1).Select(static value => value.ToString(System.Globalization.CultureInfo.InvariantCulture))]
            : [.. mine.Values.Select(static value => value.Name)];
        if (taken.Count == 0)
        {
            return [$"takes any value instead of ({string.Join(", ", wanted)})"];
        }

        return wanted.Where(value => !taken.Any(other => Same(other, value))).Select(static value => $"does not take the value {value}")
            .Concat(taken.Where(value => !wanted.Exists(other => Same(other, value))).Select(static value => $"takes the value {value}, which is not the original's"));
    }

    private static IEnumerable<string> Outputs(CommandInfo ours, ReferenceCommand reference)
    {
        var wanted = (reference.Outputs ?? []).Select(Plain).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        var written = ours.OutputTypes.Select(Plain).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        return wanted.Except(written, StringComparer.OrdinalIgnoreCase).Select(static type => $"output {type} is missing")
            .Concat(wanted.Count == 0 ? [] : written.Except(wanted, StringComparer.OrdinalIgnoreCase).Select(static type => $"output {type} is not the original's"));
    }

    // The original's pages write some types with their prefix and some without.
    private static string Plain(string type)
    {
        var name = type.Split('.')[^1].TrimEnd('[', ']');
        return name.StartsWith("VM", StringComparison.Ordinal) ? name[2..] : name;
    }

    private static IEnumerable<string> InSet(CommandInfo ours, ReferenceCommand reference, ReferenceSet set, string ourSet)
    {
        foreach (var parameter in ours.Parameters)
        {
            var known = reference.Sets.Any(other => other.Parameters.Any(candidate => Same(candidate.Name, parameter.Name)));
            if (known && parameter.In(ourSet) is not null && !set.Parameters.Any(other => Same(other.Name, parameter.Name)))
            {
                yield return $"parameter {parameter.Name} is not the original's";
            }
        }

        foreach (var wanted in set.Parameters)
        {
            var mine = ours.Parameters.FirstOrDefault(candidate => Same(candidate.Name, wanted.Name));
            if (mine is null)
            {
                continue;
            }

            if (mine.In(ourSet) is not { } place)
            {
                yield return $"parameter {wanted.Name} is missing";
                continue;
            }

            if (place.Position != (wanted.Position ?? -1))
            {
                yield return $"parameter {wanted.Name} has position {Position(place.Position)} instead of {Position(wanted.Position ?? -1)}";
            }

            if (place.Mandatory != wanted.Mandatory)
            {
                yield return $"parameter {wanted.Name} is {(place.Mandatory ? "mandatory" : "optional")}";
            }

            var pipeline = (place.FromPipeline, place.FromPipelineByName) switch { (true, true) => "Both", (true, false) => "ByValue", (false, true) => "ByPropertyName", _ => "" };
            if (pipeline != wanted.Pipeline)
            {
                yield return $"parameter {wanted.Name} takes from the pipeline '{pipeline}' instead of '{wanted.Pipeline}'";
            }
        }
    }

    private static string Position(int position) => position < 0 ? "none" : position.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
