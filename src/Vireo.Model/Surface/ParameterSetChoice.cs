namespace Vireo.Surface;

/// <summary>
/// Which parameter set a call means. The rules are PowerShell's: every given parameter must belong to the set; among several, the
/// default set is preferred when nothing it needs is missing, then the only set that is complete.
/// </summary>
/// <param name="Name">The set, or null when the parameters fit none or several.</param>
/// <param name="Missing">Mandatory parameters of the set that were not given.</param>
/// <param name="Possible">The sets that the given parameters leave possible.</param>
public sealed record ParameterSetChoice(string? Name, IReadOnlyList<ParameterInfo> Missing, IReadOnlyList<string> Possible)
{
    /// <summary>Chooses the set.</summary>
    /// <param name="command">The command.</param>
    /// <param name="given">The parameters that have a value.</param>
    /// <param name="wanted">A set the caller asks for, or null.</param>
    /// <param name="comesLater">Whether a mandatory parameter may still come from the pipeline, or null.</param>
    public static ParameterSetChoice For(
        CommandInfo command, IReadOnlyCollection<ParameterInfo> given, string? wanted = null, Func<ParameterInfo, ParameterPlace, bool>? comesLater = null)
    {
        var possible = Possibilities(command, given);
        if (wanted is not null)
        {
            possible = [.. possible.Where(set => string.Equals(set, wanted, StringComparison.OrdinalIgnoreCase))];
        }

        if (possible.Count == 0)
        {
            return new ParameterSetChoice(null, [], possible);
        }

        var complete = possible.Where(set => Absent(command, given, set, comesLater).Count == 0).ToList();
        var choice = possible.Count == 1 ? possible[0]
            : DefaultIn(command, complete) ?? (complete.Count == 1 ? complete[0] : null) ?? (complete.Count == 0 ? DefaultIn(command, possible) : null);
        return choice is null
            ? new ParameterSetChoice(null, [], possible)
            : new ParameterSetChoice(choice, Absent(command, given, choice, comesLater), possible);
    }

    /// <summary>The sets to which every given parameter belongs.</summary>
    public static IReadOnlyList<string> Possibilities(CommandInfo command, IEnumerable<ParameterInfo> given) =>
        [.. command.Sets.Where(set => given.All(parameter => parameter.In(set) is not null))];

    private static string? DefaultIn(CommandInfo command, IReadOnlyList<string> sets) =>
        sets.FirstOrDefault(set => string.Equals(set, command.DefaultSet, StringComparison.OrdinalIgnoreCase));

    private static List<ParameterInfo> Absent(
        CommandInfo command, IReadOnlyCollection<ParameterInfo> given, string set, Func<ParameterInfo, ParameterPlace, bool>? comesLater)
    {
        var absent = new List<ParameterInfo>();
        foreach (var parameter in command.Parameters)
        {
            if (parameter.In(set) is { Mandatory: true } place && !given.Contains(parameter) && comesLater?.Invoke(parameter, place) != true)
            {
                absent.Add(parameter);
            }
        }

        return absent;
    }
}
