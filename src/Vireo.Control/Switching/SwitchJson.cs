using System.Text.Json.Serialization;

namespace Vireo.Control.Switching;

/// <summary>JSON of the switch plane's control API and state.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(SwitchSpecification))]
[JsonSerializable(typeof(SwitchStatus))]
[JsonSerializable(typeof(IReadOnlyList<SwitchStatus>))]
[JsonSerializable(typeof(PortSpecification))]
[JsonSerializable(typeof(PortStatus))]
[JsonSerializable(typeof(IReadOnlyList<PortStatus>))]
[JsonSerializable(typeof(IReadOnlyList<NetworkInterfaceInfo>))]
[JsonSerializable(typeof(ControlError))]
public sealed partial class SwitchJson : JsonSerializerContext;
