namespace Vireo.Commands.Framework;

/// <summary>
/// One command. An instance lives for one invocation: it is bound from parameters, run, and forgotten. With pipeline input it is bound
/// and run once for each object, as PowerShell's <c>ProcessRecord</c> does.
/// </summary>
/// <remarks>
/// Property types: <c>string</c>, <c>Guid</c>, enums, <c>bool</c>, integers, <c>TimeSpan</c>, <c>DateTime</c>, model objects, arrays
/// of these, and <see cref="Switch"/>. A nullable value type means "may be left out" and appears as the plain type on every surface.
/// </remarks>
public abstract class Command
{
    /// <summary>Does the work. Objects, progress and errors go to <paramref name="context"/> as they come.</summary>
    public abstract Task RunAsync(CommandContext context);
}

/// <summary>A switch parameter: there or not.</summary>
/// <param name="IsPresent">True when given.</param>
public readonly record struct Switch(bool IsPresent)
{
    /// <summary>True when given.</summary>
    public static implicit operator bool(Switch value) => value.IsPresent;

    /// <summary>From a flag.</summary>
    public static implicit operator Switch(bool value) => new(value);
}
