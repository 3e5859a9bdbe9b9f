using System.Text.Json.Serialization;
using Vireo.Commands.Services;
using Vireo.Host.Groups;
using Vireo.Host.Machines;
using Vireo.Host.Mobility;
using Vireo.Host.Mobility.Arrivals;
using Vireo.Host.Mobility.Departures;
using Vireo.Host.Mounts;
using Vireo.Host.Peers;
using Vireo.Host.Pools;
using Vireo.Host.Transfers;
using Vireo.Machines.Configuration;

namespace Vireo.Host.Store;

/// <summary>JSON of the host's state files: indented, because people read them.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, UseStringEnumConverter = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(VirtualMachineConfiguration))]
[JsonSerializable(typeof(SwitchConfiguration))]
[JsonSerializable(typeof(HostSettings))]
[JsonSerializable(typeof(MachineRegistration))]
[JsonSerializable(typeof(CreationIntent))]
[JsonSerializable(typeof(RunningRecord))]
[JsonSerializable(typeof(MountRecord))]
[JsonSerializable(typeof(ExportRecord))]
[JsonSerializable(typeof(StorageMoveRecord))]
[JsonSerializable(typeof(ArrivalRecord))]
[JsonSerializable(typeof(DepartureRecord))]
[JsonSerializable(typeof(PlannedImport))]
[JsonSerializable(typeof(GroupFile))]
[JsonSerializable(typeof(PoolFile))]
[JsonSerializable(typeof(TrustFile))]
internal sealed partial class StoreJson : JsonSerializerContext;

/// <summary>Where a registered machine's configuration is.</summary>
/// <param name="ConfigurationFile">The file.</param>
/// <param name="Import">The import that registered it; null when it was created here.</param>
internal sealed record MachineRegistration(string ConfigurationFile, Guid? Import = null);

/// <summary>What a creation under way will have made; found at a start, it is undone unless the machine is registered.</summary>
/// <param name="ConfigurationFile">Configuration that is about to be written.</param>
/// <param name="DiskFile">Disk that is about to be made, or null.</param>
/// <param name="Import">What an import has made, when it is one.</param>
internal sealed record CreationIntent(string ConfigurationFile, string? DiskFile, ImportIntent? Import = null);
