using System.Text.Json.Serialization;
using Microsoft.HyperV.PowerShell;
using Microsoft.Vhd.PowerShell;

namespace Vireo.Model;

/// <summary>JSON of every object that travels between host and clients. Names are the properties' own; enums travel by name.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(VirtualMachine))]
[JsonSerializable(typeof(VirtualMachineBase))]
[JsonSerializable(typeof(VMSnapshot))]
[JsonSerializable(typeof(VMMemory))]
[JsonSerializable(typeof(VMProcessor))]
[JsonSerializable(typeof(VMFirmware))]
[JsonSerializable(typeof(VMBootSource))]
[JsonSerializable(typeof(VMBios))]
[JsonSerializable(typeof(VMFloppyDiskDrive))]
[JsonSerializable(typeof(VMGroup))]
[JsonSerializable(typeof(VMSecurity))]
[JsonSerializable(typeof(VMConnectAce))]
[JsonSerializable(typeof(VMVideo))]
[JsonSerializable(typeof(VMHostSupportedVersion))]
[JsonSerializable(typeof(VMComPort))]
[JsonSerializable(typeof(VMIntegrationComponent))]
[JsonSerializable(typeof(HardDiskDrive))]
[JsonSerializable(typeof(DvdDrive))]
[JsonSerializable(typeof(Drive))]
[JsonSerializable(typeof(VMDriveController))]
[JsonSerializable(typeof(VMScsiController))]
[JsonSerializable(typeof(VMIdeController))]
[JsonSerializable(typeof(VMComponentObject))]
[JsonSerializable(typeof(VirtualHardDisk))]
[JsonSerializable(typeof(VirtualFloppyDisk))]
[JsonSerializable(typeof(VhdCompactMode))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(VMSwitch))]
[JsonSerializable(typeof(VMSwitchExtension))]
[JsonSerializable(typeof(VMSystemSwitchExtension))]
[JsonSerializable(typeof(VMSwitchExtensionPortFeature))]
[JsonSerializable(typeof(VMSwitchExtensionSwitchFeature))]
[JsonSerializable(typeof(VMSwitchExtensionPortData))]
[JsonSerializable(typeof(VMSwitchExtensionSwitchData))]
[JsonSerializable(typeof(VMNetworkAdapter))]
[JsonSerializable(typeof(VMInternalNetworkAdapter))]
[JsonSerializable(typeof(VMNetworkAdapterBase))]
[JsonSerializable(typeof(VMNetworkAdapterVlanSetting))]
[JsonSerializable(typeof(VMNetworkAdapterIsolationSetting))]
[JsonSerializable(typeof(VMNetworkTrace))]
[JsonSerializable(typeof(VMNetworkAdapterConnectionTestResult))]
[JsonSerializable(typeof(VMNetworkAdapterAclSetting))]
[JsonSerializable(typeof(VMNetworkAdapterExtendedAclSetting))]
[JsonSerializable(typeof(VMHost))]

// Metering and pools.
[JsonSerializable(typeof(VMMeteringReportForVirtualMachine))]
[JsonSerializable(typeof(VMMeteringReportForResourcePool))]
[JsonSerializable(typeof(VMResourcePool))]

// Migration.
[JsonSerializable(typeof(VMMigrationNetwork))]

// Export and import.
[JsonSerializable(typeof(VMCompatibilityReport))]
[JsonSerializable(typeof(VMHostDisk))]
[JsonSerializable(typeof(VMKeyProtector))]
[JsonSerializable(typeof(VMHostNumaNode))]
[JsonSerializable(typeof(VMHostNumaNodeStatus))]
public sealed partial class ModelJson : JsonSerializerContext;
