using System.Text.Json.Serialization;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Transfers;

/// <summary>Configurations that somebody else may have written: null stands nowhere where it must not.</summary>
[JsonSourceGenerationOptions(
    UseStringEnumConverter = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(VirtualMachineConfiguration))]
[JsonSerializable(typeof(FormatProbe))]
internal sealed partial class ImportJson : JsonSerializerContext;

/// <summary>The one member that every version of a configuration has.</summary>
/// <param name="FormatVersion">Layout of the file.</param>
internal sealed record FormatProbe(int FormatVersion = 1);
