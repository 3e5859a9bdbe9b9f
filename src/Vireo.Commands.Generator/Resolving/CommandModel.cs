namespace Vireo.Commands.Generator.Resolving;

/// <summary>The part of a parameter in one set; every set when <paramref name="SetName"/> is null.</summary>
internal sealed record PlaceModel(string? SetName, int Position, bool Mandatory, bool FromPipeline, bool FromPipelineByName);

/// <summary>A type of a parameter.</summary>
/// <param name="Kind">Name of the <c>ParameterKind</c>.</param>
/// <param name="ShortName">As PowerShell shows it, without <c>[]</c>.</param>
/// <param name="FullName">Full name of the element's type in C#.</param>
/// <param name="IsArray">Several.</param>
/// <param name="IsNullableValue">A value type that may be left out.</param>
/// <param name="Values">Members of an enumeration.</param>
/// <param name="AcceptedTypes">Full names of the object types it takes: itself and what derives from it.</param>
internal sealed record TypeModel(
    string Kind, string ShortName, string FullName, bool IsArray, bool IsNullableValue, IReadOnlyList<KeyValuePair<string, long>> Values,
    IReadOnlyList<string> AcceptedTypes);

/// <summary>A parameter.</summary>
internal sealed record ParameterModel(string Name, TypeModel Type, IReadOnlyList<PlaceModel> Places, string Help)
{
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public IReadOnlyList<string> AcceptedValues { get; init; } = [];

    public long? Minimum { get; init; }

    public long? Maximum { get; init; }

    public bool NotEmpty { get; init; }

    public bool Wildcards { get; init; }

    public bool IsPath { get; init; }

    public bool KeepBareName { get; init; }

    public bool OnShare { get; init; }

    /// <summary>Clients act on it; the class may not even declare it.</summary>
    public bool ClientSide { get; init; }

    /// <summary>Declared by the class, so that the host sets it.</summary>
    public bool Declared { get; init; } = true;
}

/// <summary>An error a command lists.</summary>
internal sealed record ErrorModel(string ErrorId, string Category, string When);

/// <summary>A command with everything that is inherited put in its place.</summary>
internal sealed record CommandModel(string Verb, string Noun, string ClassName, IReadOnlyList<ParameterModel> Parameters)
{
    public string Name => Verb + "-" + Noun;

    public IReadOnlyList<string> Sets { get; init; } = [];

    public string? DefaultSet { get; init; }

    public IReadOnlyList<string> Aliases { get; init; } = [];

    public bool SupportsShouldProcess { get; init; }

    public bool SupportsAsJob { get; init; }

    public string ConfirmImpact { get; init; } = "Medium";

    public string CmdletClass { get; init; } = "";

    public IReadOnlyList<string> OutputTypes { get; init; } = [];

    public string Synopsis { get; init; } = "";

    public string Description { get; init; } = "";

    public IReadOnlyList<KeyValuePair<string, string>> Examples { get; init; } = [];

    public IReadOnlyList<ErrorModel> Errors { get; init; } = [];
}
