using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Vireo.Commands.Generator.Reading;

namespace Vireo.Commands.Generator.Resolving;

/// <summary>Finds out what the type of a parameter is: a simple one, or an enumeration or object of the model, found by its short name.</summary>
internal sealed class TypeResolver
{
    private readonly Dictionary<string, INamedTypeSymbol> _types = new(StringComparer.Ordinal);

    /// <summary>Looks in the model, and in the compiled project itself.</summary>
    public TypeResolver(Compilation compilation)
    {
        Add(compilation.Assembly.GlobalNamespace);
        foreach (var reference in compilation.SourceModule.ReferencedAssemblySymbols)
        {
            if (reference.Name == "Vireo.Model")
            {
                Add(reference.GlobalNamespace);
            }
        }
    }

    /// <summary>The type, or null when it is nothing a parameter can be.</summary>
    public TypeModel? Resolve(TypeSyntax syntax)
    {
        var isArray = false;
        var isNullable = false;
        for (; ; )
        {
            if (syntax is NullableTypeSyntax nullable)
            {
                syntax = nullable.ElementType;
                isNullable = true;
            }
            else if (syntax is ArrayTypeSyntax array && !isArray)
            {
                syntax = array.ElementType;
                isArray = true;
                isNullable = false;
            }
            else
            {
                break;
            }
        }

        var name = SourceReader.LastName(syntax);
        var (kind, shortName, fullName, isValue) = Simple(name);
        if (kind is not null)
        {
            return new TypeModel(kind, shortName, fullName, isArray, isNullable && isValue, [], []);
        }

        if (!_types.TryGetValue(name, out var symbol))
        {
            return null;
        }

        var symbolName = Name(symbol);
        return symbol.TypeKind == TypeKind.Enum
            ? new TypeModel("Enum", name, symbolName, isArray, isNullable, Members(symbol), [])
            : new TypeModel("Object", name, symbolName, isArray, false, [], [.. _types.Values.Where(type => Accepts(symbol, type)).Select(Name)]);
    }

    /// <summary>Full name of a type of the model.</summary>
    public string FullName(string shortName) => _types.TryGetValue(shortName, out var symbol)
        ? Name(symbol)
        : Simple(shortName) is (not null, _, var fullName, _) ? fullName : shortName;

    private static string Name(INamedTypeSymbol symbol) =>
        symbol.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat.WithGlobalNamespaceStyle(SymbolDisplayGlobalNamespaceStyle.Omitted));

    private static bool Accepts(INamedTypeSymbol parameter, INamedTypeSymbol? value)
    {
        for (; value is not null; value = value.BaseType)
        {
            if (SymbolEqualityComparer.Default.Equals(value, parameter))
            {
                return true;
            }
        }

        return false;
    }

    private static List<KeyValuePair<string, long>> Members(INamedTypeSymbol symbol) =>
        [.. symbol.GetMembers().OfType<IFieldSymbol>().Where(static field => field.HasConstantValue)
            .Select(static field => new KeyValuePair<string, long>(field.Name, System.Convert.ToInt64(field.ConstantValue, System.Globalization.CultureInfo.InvariantCulture)))];

    private static (string? Kind, string ShortName, string FullName, bool IsValue) Simple(string name) => name switch
    {
        "string" or "String" => ("String", "String", "string", false),
        "Switch" => ("Switch", "SwitchParameter", "Vireo.Commands.Framework.Switch", true),
        "bool" or "Boolean" => ("Boolean", "Boolean", "bool", true),
        "byte" or "Byte" => ("Byte", "Byte", "byte", true),
        "short" or "Int16" => ("Int16", "Int16", "short", true),
        "ushort" or "UInt16" => ("UInt16", "UInt16", "ushort", true),
        "int" or "Int32" => ("Int32", "Int32", "int", true),
        "uint" or "UInt32" => ("UInt32", "UInt32", "uint", true),
        "long" or "Int64" => ("Int64", "Int64", "long", true),
        "ulong" or "UInt64" => ("UInt64", "UInt64", "ulong", true),
        "double" or "Double" => ("Double", "Double", "double", true),
        "Guid" => ("Guid", "Guid", "System.Guid", true),
        "TimeSpan" => ("TimeSpan", "TimeSpan", "System.TimeSpan", true),
        "DateTime" => ("DateTime", "DateTime", "System.DateTime", true),
        "Version" => ("Version", "Version", "System.Version", false),
        "TextMap" => ("Map", "Hashtable", "Vireo.Commands.Framework.TextMap", false),
        "JsonElement" => ("Any", "PSObject", "System.Text.Json.JsonElement", true),
        _ => (null, "", "", false),
    };

    private void Add(INamespaceSymbol container)
    {
        foreach (var type in container.GetTypeMembers())
        {
            if (!_types.ContainsKey(type.Name))
            {
                _types[type.Name] = type;
            }
        }

        foreach (var inner in container.GetNamespaceMembers())
        {
            Add(inner);
        }
    }
}
