using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>Configurations that somebody else may have written: null stands nowhere where it must not.</summary>
[JsonSourceGenerationOptions(
    UseStringEnumConverter = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(VirtualMachineConfiguration))]
[JsonSerializable(typeof(FormatProbe))]
internal sealed partial class ImportJson : JsonSerializerContext;

/// <summary>
/// Configurations in which every member is present that must not be null: one that is left out would be null, because the generated reader sets all
/// members at once.
/// </summary>
internal static class CompleteJson
{
    /// <summary>How a machine is read.</summary>
    public static JsonTypeInfo<VirtualMachineConfiguration> Machine { get; } = Make();

    private static JsonTypeInfo<VirtualMachineConfiguration> Make()
    {
        var options = new JsonSerializerOptions(ImportJson.Default.Options) { TypeInfoResolver = ImportJson.Default.WithAddedModifier(Require) };
        return (JsonTypeInfo<VirtualMachineConfiguration>)options.GetTypeInfo(typeof(VirtualMachineConfiguration));
    }

    private static void Require(JsonTypeInfo type)
    {
        foreach (var member in type.Properties.Where(member => !member.IsSetNullable && !member.PropertyType.IsValueType))
        {
            member.IsRequired = true;
        }
    }
}

/// <summary>The one member that every version of a configuration has.</summary>
/// <param name="FormatVersion">Layout of the file.</param>
internal sealed record FormatProbe(int FormatVersion = 1);
