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
internal sealed partial class ImportJson : JsonSerializerContext
{
    /// <summary>
    /// Reads a configuration in which every member is present that must not be null: one that is left out would be null, because the generated reader sets
    /// all members at once.
    /// </summary>
    public static JsonTypeInfo<VirtualMachineConfiguration> Complete { get; } = (JsonTypeInfo<VirtualMachineConfiguration>)new JsonSerializerOptions(Default.Options)
    {
        TypeInfoResolver = Default.WithAddedModifier(static type =>
        {
            foreach (var member in type.Properties.Where(member => !member.IsSetNullable && !member.PropertyType.IsValueType))
            {
                member.IsRequired = true;
            }
        }),
    }.GetTypeInfo(typeof(VirtualMachineConfiguration));
}

/// <summary>The one member that every version of a configuration has.</summary>
/// <param name="FormatVersion">Layout of the file.</param>
internal sealed record FormatProbe(int FormatVersion = 1);
