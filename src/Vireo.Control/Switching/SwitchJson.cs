using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vireo.Control.Switching;

/// <summary>How the switch plane's control types look as JSON, generated at build time.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(SwitchSpecification))]
[JsonSerializable(typeof(PortSpecification))]
[JsonSerializable(typeof(IReadOnlyList<PortAclSpecification>))]
[JsonSerializable(typeof(IReadOnlyList<ExtendedAclSpecification>))]
[JsonSerializable(typeof(SwitchStatus))]
[JsonSerializable(typeof(PortStatus))]
[JsonSerializable(typeof(IReadOnlyList<SwitchStatus>))]
[JsonSerializable(typeof(IReadOnlyList<PortStatus>))]
[JsonSerializable(typeof(IReadOnlyList<NetworkInterfaceInfo>))]
[JsonSerializable(typeof(SwitchHealth))]
[JsonSerializable(typeof(IReadOnlyList<InstalledExtension>))]
[JsonSerializable(typeof(InstallExtension))]
[JsonSerializable(typeof(PortNotice))]
[JsonSerializable(typeof(IReadOnlyList<ExtensionPortState>))]
[JsonSerializable(typeof(IReadOnlyList<ExtensionEvent>))]
[JsonSerializable(typeof(IReadOnlyList<ExtensionDataItem>))]
[JsonSerializable(typeof(TraceRequest))]
[JsonSerializable(typeof(ProbeRequest))]
[JsonSerializable(typeof(ProbeReport))]
[JsonSerializable(typeof(FrameReport))]
[JsonSerializable(typeof(IReadOnlyList<TraceStatus>))]
[JsonSerializable(typeof(ControlError))]
public sealed partial class SwitchJson : JsonSerializerContext;
