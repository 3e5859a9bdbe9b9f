using System.Globalization;
using System.Numerics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Vireo.Commands.Generator.Reading;

namespace Vireo.Commands.Generator.Resolving;

/// <summary>The value of a constant expression in an attribute: literals, their arithmetic, <c>nameof</c>, and constants of the read classes.</summary>
internal sealed class ConstantReader(IReadOnlyDictionary<string, List<ClassFacts>> classes)
{
    /// <summary>A string, a <see cref="BigInteger"/>, a bool, an array of them, or null when it is none of these.</summary>
    public object? Read(ExpressionSyntax expression, ClassFacts owner) => expression switch
    {
        LiteralExpressionSyntax literal => Literal(literal),
        ParenthesizedExpressionSyntax inner => Read(inner.Expression, owner),
        PrefixUnaryExpressionSyntax unary when unary.IsKind(SyntaxKind.UnaryMinusExpression) && Read(unary.Operand, owner) is BigInteger number => -number,
        CastExpressionSyntax cast => Read(cast.Expression, owner),
        BinaryExpressionSyntax binary => Binary(binary.Kind(), Read(binary.Left, owner), Read(binary.Right, owner)),
        InvocationExpressionSyntax { Expression: IdentifierNameSyntax { Identifier.Text: "nameof" } } call => LastPart(call.ArgumentList.Arguments[0].Expression),
        TypeOfExpressionSyntax type => SourceReader.LastName(type.Type),
        MemberAccessExpressionSyntax member => Member(member),
        IdentifierNameSyntax name => Constant(name.Identifier.Text, owner),
        CollectionExpressionSyntax collection => collection.Elements.OfType<ExpressionElementSyntax>().Select(element => Read(element.Expression, owner)).ToArray(),
        ArrayCreationExpressionSyntax { Initializer: { } initializer } => initializer.Expressions.Select(element => Read(element, owner)).ToArray(),
        ImplicitArrayCreationExpressionSyntax array => array.Initializer.Expressions.Select(element => Read(element, owner)).ToArray(),
        _ => null,
    };

    /// <summary>Text, or null.</summary>
    public string? Text(ExpressionSyntax? expression, ClassFacts owner) => expression is null ? null : Read(expression, owner) as string;

    /// <summary>Truth.</summary>
    public bool Flag(ExpressionSyntax? expression, ClassFacts owner) => expression is not null && Read(expression, owner) is true;

    /// <summary>A whole number, or null.</summary>
    public long? Number(ExpressionSyntax? expression, ClassFacts owner) =>
        expression is not null && Read(expression, owner) is BigInteger number && number >= long.MinValue && number <= long.MaxValue ? (long)number : null;

    private static object? Literal(LiteralExpressionSyntax literal) => literal.Token.Value switch
    {
        null => null,
        string text => text,
        bool flag => flag,
        IFormattable number when BigInteger.TryParse(number.ToString(null, CultureInfo.InvariantCulture), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) => value,
        _ => null,
    };

    private static object? Binary(SyntaxKind kind, object? left, object? right) => (kind, left, right) switch
    {
        (SyntaxKind.AddExpression, string a, string b) => a + b,
        (SyntaxKind.AddExpression, BigInteger a, BigInteger b) => a + b,
        (SyntaxKind.SubtractExpression, BigInteger a, BigInteger b) => a - b,
        (SyntaxKind.MultiplyExpression, BigInteger a, BigInteger b) => a * b,
        (SyntaxKind.LeftShiftExpression, BigInteger a, BigInteger b) => a << (int)b,
        _ => null,
    };

    private object? Member(MemberAccessExpressionSyntax member)
    {
        var type = LastPart(member.Expression);
        var name = member.Name.Identifier.Text;
        object? limit = (type, name) switch
        {
            ("long" or "Int64", "MaxValue") => (BigInteger)long.MaxValue,
            ("long" or "Int64", "MinValue") => (BigInteger)long.MinValue,
            ("int" or "Int32", "MaxValue") => (BigInteger)int.MaxValue,
            ("uint" or "UInt32", "MaxValue") => (BigInteger)uint.MaxValue,
            ("ushort" or "UInt16", "MaxValue") => (BigInteger)ushort.MaxValue,
            _ => null,
        };
        if (limit is not null)
        {
            return limit;
        }

        foreach (var facts in classes.TryGetValue(type, out var found) ? found : [])
        {
            if (facts.Constants.TryGetValue(name, out var value))
            {
                return Read(value, facts);
            }
        }

        // A member of an enumeration: its name is what the surfaces need.
        return name;
    }

    private object? Constant(string name, ClassFacts owner)
    {
        for (var facts = owner; facts is not null; facts = facts.BaseName is { } b && classes.TryGetValue(b, out var bases) ? bases[0] : null)
        {
            if (facts.Constants.TryGetValue(name, out var value))
            {
                return Read(value, facts);
            }
        }

        return null;
    }

    private static string LastPart(ExpressionSyntax expression) => expression switch
    {
        MemberAccessExpressionSyntax member => member.Name.Identifier.Text,
        TypeSyntax type => SourceReader.LastName(type),
        _ => expression.ToString(),
    };
}
