namespace Vireo.Surface;

/// <summary>The part of a parameter in one parameter set.</summary>
/// <param name="SetName">The set; every set that has no place of its own when null.</param>
/// <param name="Position">Position, or negative for a named parameter.</param>
/// <param name="Mandatory">Must be given.</param>
/// <param name="FromPipeline">Takes a pipeline object of its type.</param>
/// <param name="FromPipelineByName">Takes the property of that name of a pipeline object.</param>
public sealed record ParameterPlace(
    string? SetName = null, int Position = -1, bool Mandatory = false, bool FromPipeline = false, bool FromPipelineByName = false);

/// <summary>A name of an enumeration and its number.</summary>
public readonly record struct EnumValue(string Name, long Number);

/// <summary>A parameter as every surface shows it.</summary>
/// <param name="Name">Name, without the dash.</param>
/// <param name="Kind">What its value is.</param>
/// <param name="TypeName">The type's short name as PowerShell shows it, for example <c>String[]</c>.</param>
/// <param name="Places">Its part in the parameter sets.</param>
public sealed record ParameterInfo(string Name, ParameterKind Kind, string TypeName, IReadOnlyList<ParameterPlace> Places)
{
    /// <summary>Takes several values.</summary>
    public bool IsArray { get; init; }

    /// <summary>Full name of the enumeration or of the model's type; empty for the others.</summary>
    public string FullTypeName { get; init; } = "";

    /// <summary>Full names of the types of object it takes: its own, and those derived from it.</summary>
    public IReadOnlyList<string> AcceptedTypes { get; init; } = [];

    /// <summary>Other names.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>Names of the enumeration.</summary>
    public IReadOnlyList<EnumValue> Values { get; init; } = [];

    /// <summary>Words that are accepted; any when empty.</summary>
    public IReadOnlyList<string> AcceptedValues { get; init; } = [];

    /// <summary>Least number, if limited.</summary>
    public long? Minimum { get; init; }

    /// <summary>Greatest number, if limited.</summary>
    public long? Maximum { get; init; }

    /// <summary>Neither null nor empty, nor any element.</summary>
    public bool NotEmpty { get; init; }

    /// <summary>Takes <c>*</c>, <c>?</c> and <c>[a-z]</c>.</summary>
    public bool Wildcards { get; init; }

    /// <summary>Names a file or folder: a client makes it absolute, because only it knows the current folder.</summary>
    public bool IsPath { get; init; }

    /// <summary>A bare file name is left to the host, which has a default folder for it.</summary>
    public bool KeepBareName { get; init; }

    /// <summary>The file may be on a share of a file server.</summary>
    public bool OnShare { get; init; }

    /// <summary>Acted on by the client and not sent, like <c>-ComputerName</c>.</summary>
    public bool ClientSide { get; init; }

    /// <summary>What it is.</summary>
    public string Help { get; init; } = "";

    /// <summary>Its part in a set, or null when it does not belong to it.</summary>
    public ParameterPlace? In(string setName)
    {
        ParameterPlace? everywhere = null;
        foreach (var place in Places)
        {
            if (place.SetName is null)
            {
                everywhere = place;
            }
            else if (string.Equals(place.SetName, setName, StringComparison.OrdinalIgnoreCase))
            {
                return place;
            }
        }

        return everywhere;
    }

    /// <summary>True for one of its names.</summary>
    public bool IsCalled(string name)
    {
        if (string.Equals(Name, name, StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        foreach (var alias in Aliases)
        {
            if (string.Equals(alias, name, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
