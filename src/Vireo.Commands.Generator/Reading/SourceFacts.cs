using System.Collections.Immutable;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vireo.Commands.Generator.Reading;

/// <summary>An attribute as written.</summary>
internal sealed record AttributeFacts(string Name, ImmutableArray<ExpressionSyntax> Arguments, ImmutableDictionary<string, ExpressionSyntax> Named);

/// <summary>A property that carries <c>[Parameter]</c>, as written.</summary>
internal sealed record PropertyFacts(string Name, TypeSyntax Type, ImmutableArray<AttributeFacts> Attributes, string Summary);

/// <summary>
/// A class as written. Only syntax is read, so that the same reader serves the project that compiles the commands and those that merely
/// look at their source.
/// </summary>
internal sealed record ClassFacts(
    string Name,
    string FullName,
    string? BaseName,
    bool IsAbstract,
    ImmutableArray<AttributeFacts> Attributes,
    ImmutableArray<PropertyFacts> Properties,
    ImmutableDictionary<string, ExpressionSyntax> Constants,
    Documentation Documentation);

/// <summary>What a documentation comment says, as plain text.</summary>
internal sealed record Documentation(string Summary, string Remarks)
{
    public static readonly Documentation None = new("", "");
}
