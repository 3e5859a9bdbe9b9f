using Xunit.Sdk;

namespace Vireo.Testing;

/// <summary>Names the requirement of the specification that a test shows; <c>./test --requirements</c> lists them.</summary>
[TraitDiscoverer("Vireo.Testing.RequirementDiscoverer", "Vireo.Testing")]
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class RequirementAttribute(string id) : Attribute, ITraitAttribute
{
    /// <summary>For example <c>VD-7</c>.</summary>
    public string Id { get; } = id;
}

/// <summary>Turns the attribute into an xunit trait.</summary>
public sealed class RequirementDiscoverer : ITraitDiscoverer
{
    /// <inheritdoc/>
    public IEnumerable<KeyValuePair<string, string>> GetTraits(Xunit.Abstractions.IAttributeInfo traitAttribute)
    {
        yield return new KeyValuePair<string, string>("Requirement", traitAttribute.GetNamedArgument<string>("Id"));
    }
}
