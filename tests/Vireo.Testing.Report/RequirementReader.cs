using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;

namespace Vireo.Testing.Report;

/// <summary>Which test method shows which requirement: read from the attributes in a test assembly, without loading it.</summary>
internal static partial class RequirementReader
{
    /// <summary>Pairs of method and requirement id. An attribute on a class counts for each of its methods.</summary>
    public static IEnumerable<(string Method, string Id)> Read(string assemblyPath)
    {
        using var file = new PEReader(File.OpenRead(assemblyPath));
        var metadata = file.GetMetadataReader();
        var pairs = new List<(string, string)>();
        foreach (var type in metadata.TypeDefinitions.Select(metadata.GetTypeDefinition))
        {
            var typeName = FullName(metadata, type);
            var typeIds = Ids(metadata, type.GetCustomAttributes()).ToList();
            foreach (var method in type.GetMethods().Select(metadata.GetMethodDefinition))
            {
                var ids = Ids(metadata, method.GetCustomAttributes()).Concat(typeIds).Distinct(StringComparer.Ordinal);
                pairs.AddRange(ids.Select(id => ($"{typeName}.{metadata.GetString(method.Name)}", id)));
            }
        }

        return pairs;
    }

    /// <summary>The ids that a specification lists, in its order: the first cell of a table row, such as <c>| VD-7 |</c>.</summary>
    public static IReadOnlyList<string> ReadSpecification(string path) =>
        File.ReadLines(path).Select(line => RowPattern().Match(line)).Where(match => match.Success).Select(match => match.Groups["id"].Value).ToList();

    private static IEnumerable<string> Ids(MetadataReader metadata, CustomAttributeHandleCollection attributes)
    {
        foreach (var attribute in attributes.Select(metadata.GetCustomAttribute))
        {
            if (AttributeName(metadata, attribute) != "RequirementAttribute")
            {
                continue;
            }

            var value = metadata.GetBlobReader(attribute.Value);
            if (value.ReadUInt16() == 1 && value.ReadSerializedString() is { } id)
            {
                yield return id;
            }
        }
    }

    private static string AttributeName(MetadataReader metadata, CustomAttribute attribute) => attribute.Constructor.Kind switch
    {
        HandleKind.MemberReference => metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent is { Kind: HandleKind.TypeReference } parent
            ? metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)parent).Name)
            : "",
        HandleKind.MethodDefinition => metadata.GetString(
            metadata.GetTypeDefinition(metadata.GetMethodDefinition((MethodDefinitionHandle)attribute.Constructor).GetDeclaringType()).Name),
        _ => "",
    };

    private static string FullName(MetadataReader metadata, TypeDefinition type)
    {
        var name = metadata.GetString(type.Name);
        if (type.GetDeclaringType() is { IsNil: false } outer)
        {
            return $"{FullName(metadata, metadata.GetTypeDefinition(outer))}+{name}";
        }

        return type.Namespace.IsNil ? name : $"{metadata.GetString(type.Namespace)}.{name}";
    }

    [GeneratedRegex(@"^\|\s*(?<id>[A-Z]{2}-\d+)\s*\|", RegexOptions.None, 60_000)]
    private static partial Regex RowPattern();
}
