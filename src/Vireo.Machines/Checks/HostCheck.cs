namespace Vireo.Machines.Checks;

/// <summary>Verdict of a check.</summary>
public enum CheckLevel
{
    /// <summary>As it should be.</summary>
    Ok,

    /// <summary>Works, with a loss.</summary>
    Warning,

    /// <summary>Something will not work.</summary>
    Failure,
}

/// <summary>One line of <c>vireo doctor</c>.</summary>
/// <param name="Name">What was looked at.</param>
/// <param name="Level">Verdict.</param>
/// <param name="Found">What was found.</param>
/// <param name="Advice">What to do; null when nothing.</param>
public sealed record HostCheck(string Name, CheckLevel Level, string Found, string? Advice = null);
