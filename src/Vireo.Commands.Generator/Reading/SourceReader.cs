using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vireo.Commands.Generator.Reading;

/// <summary>Reads the classes of a source file.</summary>
internal static class SourceReader
{
    /// <summary>Every class of the file that can matter: it has a base, or constants that attributes may name.</summary>
    public static ImmutableArray<ClassFacts> Read(SyntaxNode root, CancellationToken cancellation)
    {
        var classes = ImmutableArray.CreateBuilder<ClassFacts>();
        foreach (var declaration in root.DescendantNodes(static node => node is CompilationUnitSyntax or BaseNamespaceDeclarationSyntax or ClassDeclarationSyntax)
            .OfType<ClassDeclarationSyntax>())
        {
            cancellation.ThrowIfCancellationRequested();
            classes.Add(Read(declaration));
        }

        return classes.ToImmutable();
    }

    private static ClassFacts Read(ClassDeclarationSyntax declaration)
    {
        var properties = ImmutableArray.CreateBuilder<PropertyFacts>();
        var constants = ImmutableDictionary.CreateBuilder<string, ExpressionSyntax>(StringComparer.Ordinal);
        foreach (var member in declaration.Members)
        {
            if (member is PropertyDeclarationSyntax property && Attributes(property.AttributeLists) is var attributes
                && attributes.Any(static attribute => attribute.Name == "Parameter"))
            {
                properties.Add(new PropertyFacts(property.Identifier.Text, property.Type, attributes, DocumentationReader.Read(property).Summary));
            }
            else if (member is FieldDeclarationSyntax field && field.Modifiers.Any(SyntaxKind.ConstKeyword))
            {
                foreach (var variable in field.Declaration.Variables)
                {
                    if (variable.Initializer is { } initializer)
                    {
                        constants[variable.Identifier.Text] = initializer.Value;
                    }
                }
            }
        }

        return new ClassFacts(
            declaration.Identifier.Text,
            FullName(declaration),
            declaration.BaseList?.Types.FirstOrDefault()?.Type is { } baseType ? LastName(baseType) : null,
            declaration.Modifiers.Any(SyntaxKind.AbstractKeyword),
            Attributes(declaration.AttributeLists),
            properties.ToImmutable(),
            constants.ToImmutable(),
            DocumentationReader.Read(declaration));
    }

    /// <summary>The last part of a possibly qualified name.</summary>
    public static string LastName(TypeSyntax type) => type switch
    {
        QualifiedNameSyntax qualified => qualified.Right.Identifier.Text,
        AliasQualifiedNameSyntax qualified => qualified.Name.Identifier.Text,
        SimpleNameSyntax simple => simple.Identifier.Text,
        PredefinedTypeSyntax predefined => predefined.Keyword.Text,
        _ => type.ToString(),
    };

    private static ImmutableArray<AttributeFacts> Attributes(SyntaxList<AttributeListSyntax> lists)
    {
        var facts = ImmutableArray.CreateBuilder<AttributeFacts>();
        foreach (var attribute in lists.SelectMany(static list => list.Attributes))
        {
            var name = LastName(attribute.Name);
            name = name.EndsWith("Attribute", StringComparison.Ordinal) ? name.Substring(0, name.Length - "Attribute".Length) : name;
            var positional = ImmutableArray.CreateBuilder<ExpressionSyntax>();
            var named = ImmutableDictionary.CreateBuilder<string, ExpressionSyntax>(StringComparer.Ordinal);
            foreach (var argument in attribute.ArgumentList?.Arguments ?? default)
            {
                if (argument.NameEquals is { } equals)
                {
                    named[equals.Name.Identifier.Text] = argument.Expression;
                }
                else
                {
                    positional.Add(argument.Expression);
                }
            }

            facts.Add(new AttributeFacts(name, positional.ToImmutable(), named.ToImmutable()));
        }

        return facts.ToImmutable();
    }

    private static string FullName(ClassDeclarationSyntax declaration)
    {
        var name = declaration.Identifier.Text;
        for (SyntaxNode? node = declaration.Parent; node is not null; node = node.Parent)
        {
            name = node switch
            {
                BaseNamespaceDeclarationSyntax container => container.Name + "." + name,
                ClassDeclarationSyntax outer => outer.Identifier.Text + "." + name,
                _ => name,
            };
        }

        return name;
    }
}
