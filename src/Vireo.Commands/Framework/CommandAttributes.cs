namespace Vireo.Commands.Framework;

/// <summary>
/// Declares a command. The class is the only place that describes it: the API route, the CLI binding, the PowerShell cmdlet and the
/// help are generated from its attributes and documentation comments.
/// </summary>
/// <param name="verb">Verb, for example <c>Start</c>.</param>
/// <param name="noun">Noun, for example <c>VM</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class CommandAttribute(string verb, string noun) : Attribute
{
    /// <summary>Verb.</summary>
    public string Verb { get; } = verb;

    /// <summary>Noun.</summary>
    public string Noun { get; } = noun;

    /// <summary>Set that is taken when the parameters leave several possible.</summary>
    public string? DefaultParameterSetName { get; set; }

    /// <summary>Takes <c>-WhatIf</c> and <c>-Confirm</c>.</summary>
    public bool SupportsShouldProcess { get; set; }

    /// <summary>Takes <c>-AsJob</c>.</summary>
    public bool SupportsAsJob { get; set; }

    /// <summary>Asks for confirmation when its impact reaches the caller's preference.</summary>
    public ConfirmImpact ConfirmImpact { get; set; } = ConfirmImpact.Medium;

    /// <summary>Full name of the cmdlet's class, the second half of an error id; <c>Microsoft.HyperV.PowerShell.Commands.&lt;VerbNoun&gt;</c> when null.</summary>
    public string? CmdletClass { get; set; }

    /// <summary>Other names, for example <c>Get-VMCheckpoint</c>.</summary>
    public string[] Aliases { get; set; } = [];
}

/// <summary>How much a command can harm.</summary>
public enum ConfirmImpact
{
    /// <summary>Never asks.</summary>
    None,

    /// <summary>Low.</summary>
    Low,

    /// <summary>Medium.</summary>
    Medium,

    /// <summary>High: asks by default.</summary>
    High,
}

/// <summary>A parameter, or its part in one parameter set when given several times.</summary>
[AttributeUsage(AttributeTargets.Property, AllowMultiple = true)]
public sealed class ParameterAttribute : Attribute
{
    /// <summary>The set; every set when null.</summary>
    public string? ParameterSetName { get; set; }

    /// <summary>Position, or negative for a named parameter.</summary>
    public int Position { get; set; } = -1;

    /// <summary>Must be given.</summary>
    public bool Mandatory { get; set; }

    /// <summary>Takes a pipeline object of its type.</summary>
    public bool ValueFromPipeline { get; set; }

    /// <summary>Takes the property of that name of a pipeline object.</summary>
    public bool ValueFromPipelineByPropertyName { get; set; }
}

/// <summary>Other names of a parameter.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AliasAttribute(params string[] names) : Attribute
{
    /// <summary>The names.</summary>
    public string[] Names { get; } = names;
}

/// <summary>The parameter takes <c>*</c>, <c>?</c> and <c>[a-z]</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SupportsWildcardsAttribute : Attribute;

/// <summary>The value, or each element, lies between two numbers.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateRangeAttribute(long minimum, long maximum) : Attribute
{
    /// <summary>Least value.</summary>
    public long Minimum { get; } = minimum;

    /// <summary>Greatest value.</summary>
    public long Maximum { get; } = maximum;
}

/// <summary>Neither null nor empty, nor any element.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateNotNullOrEmptyAttribute : Attribute;

/// <summary>One of the given words, in any case.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateSetAttribute(params string[] values) : Attribute
{
    /// <summary>The words.</summary>
    public string[] Values { get; } = values;
}

/// <summary>A type of object the command writes.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class OutputTypeAttribute(Type type) : Attribute
{
    /// <summary>The type.</summary>
    public Type Type { get; } = type;
}

/// <summary>An error the command can report. Every command lists all of its own.</summary>
/// <param name="errorId">Identifier, for example <c>InvalidParameter</c>.</param>
/// <param name="category">Category.</param>
/// <param name="when">When it happens, as the end of the sentence "reported when ...".</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class CommandErrorAttribute(string errorId, ErrorCategory category, string when) : Attribute
{
    /// <summary>Identifier.</summary>
    public string ErrorId { get; } = errorId;

    /// <summary>Category.</summary>
    public ErrorCategory Category { get; } = category;

    /// <summary>When it happens.</summary>
    public string When { get; } = when;
}

/// <summary>An example for the help: the line that is typed and what it does.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
public sealed class ExampleAttribute(string line, string effect) : Attribute
{
    /// <summary>The line, without the leading <c>vireo</c>.</summary>
    public string Line { get; } = line;

    /// <summary>What it does.</summary>
    public string Effect { get; } = effect;
}
