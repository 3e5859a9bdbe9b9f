using System.Text.Json.Serialization;
using Vireo.Commands.Services;
using Vireo.Control.Storage;
using Vireo.Control.Switching;
using Vireo.Host.Metering;
using Vireo.Host.Peers;
using Vireo.Host.Switches;
using Vireo.Host.Transfers;
using Vireo.Machines;
using Vireo.Machines.Configuration;
using Vireo.Machines.Running;

namespace Vireo.Host.Mobility.Protocol;

/// <summary>What one host must know of another to send it a machine that runs.</summary>
/// <param name="Accelerator">What guests run on.</param>
/// <param name="Transport">How hard disks on the SCSI bus are served: the guest has another device with each.</param>
/// <param name="ProcessorVendor">As the processor says it.</param>
/// <param name="ProcessorFeatures">As the kernel names them.</param>
internal sealed record MoveHostFacts(string Accelerator, string Transport, string ProcessorVendor, IReadOnlyList<string> ProcessorFeatures);

/// <summary>An image that a machine stands on.</summary>
/// <param name="Chain">Where it is and what it stands on.</param>
/// <param name="Info">What it says of itself; null unless the other host has to make an empty one like it.</param>
internal sealed record OfferedImage(ChainImage Chain, ImageInfo? Info = null);

/// <summary>A disk that a guest has, as the guest sees it.</summary>
/// <param name="DriveId">The drive.</param>
/// <param name="SizeBytes">Capacity.</param>
/// <param name="LogicalSectorBytes">As offered to the guest.</param>
/// <param name="PhysicalSectorBytes">As offered to the guest.</param>
/// <param name="Trims">Whether the guest may trim.</param>
internal sealed record OfferedDisk(Guid DriveId, long SizeBytes, int LogicalSectorBytes, int PhysicalSectorBytes, bool Trims);

/// <summary>Body of <c>POST /peer/moves</c>: a machine that wants to come.</summary>
internal sealed record MoveOffer
{
    /// <summary>Of this attempt.</summary>
    public required Guid Move { get; init; }

    /// <summary>The machine as it is at its host; adapters name their switches.</summary>
    public required VirtualMachineConfiguration Machine { get; init; }

    /// <summary>Where its files are to be; what is not named lies on storage that both hosts have.</summary>
    public required StorageMoveRequest Request { get; init; }

    /// <summary>Files go along, and where to is the receiver's choice as far as <see cref="Request"/> does not say.</summary>
    public bool IncludesStorage { get; set; }

    /// <summary>Its guest runs and goes on.</summary>
    public bool IsRunning { get; set; }

    /// <summary>Memory that the guest has, in bytes.</summary>
    public long MemoryBytes { get; set; }

    /// <summary>Every image, parents before children.</summary>
    public IReadOnlyList<OfferedImage> Images { get; set; } = [];

    /// <summary>Disks of a guest that runs.</summary>
    public IReadOnlyList<OfferedDisk> Disks { get; set; } = [];

    /// <summary>Other files that exist, by their paths: saved memory, variables of the firmware, keys.</summary>
    public IReadOnlyList<string> Files { get; set; } = [];

    /// <summary>What the sender is.</summary>
    public required MoveHostFacts Host { get; init; }

    /// <summary>The sender's certificate authority of this attempt, PEM.</summary>
    public string Authority { get; set; } = "";

    /// <summary>A file beside the configuration that only storage of both hosts has; null when no file is shared.</summary>
    public string? SharedMark { get; set; }

    /// <summary>Only look; nothing is prepared.</summary>
    public bool IsQuestion { get; set; }
}

/// <summary>Answer to it.</summary>
/// <param name="Arrival">What the receiver calls the attempt.</param>
/// <param name="Problems">Why the machine cannot come; empty when it can.</param>
/// <param name="Request">Where its files will be.</param>
/// <param name="Authority">The receiver's certificate authority of this attempt, PEM.</param>
internal sealed record MoveAnswer(Guid Arrival, IReadOnlyList<Incompatibility> Problems, StorageMoveRequest Request, string Authority);

/// <summary>A disk that waits to be mirrored to.</summary>
/// <param name="DriveId">The drive.</param>
/// <param name="Address">Port of the address that the sender speaks to, or address and port.</param>
internal sealed record WaitingDisk(Guid DriveId, string Address);

/// <summary>Answer to <c>POST /peer/moves/{move}/disks</c>.</summary>
/// <param name="Disks">Those that the guest writes to.</param>
internal sealed record DisksAnswer(IReadOnlyList<WaitingDisk> Disks);

/// <summary>Body of <c>POST /peer/moves/{move}/memory</c>.</summary>
/// <param name="State">What the process at the sender says of its state.</param>
/// <param name="Settings">How memory travels.</param>
/// <param name="Address">Address of the receiver that the sender speaks to.</param>
internal sealed record MemoryRequest(SavedStateHeader State, TransferSettings Settings, string Address);

/// <summary>Answer to it.</summary>
/// <param name="Port">Where a process waits for the guest.</param>
internal sealed record MemoryAnswer(int Port);

/// <summary>Body of <c>POST /peer/moves/{move}/take</c>.</summary>
/// <param name="Arrival">What the receiver calls the attempt.</param>
/// <param name="Machine">The machine as it is at last.</param>
/// <param name="Extensions">What extensions of switches keep of its adapters.</param>
/// <param name="Meter">What was counted of it; null when it is not metered.</param>
internal sealed record TakeRequest(Guid Arrival, VirtualMachineConfiguration Machine, IReadOnlyList<AdapterExtensionState> Extensions, MeterFigures? Meter = null);

/// <summary>Answer to it, and to <c>POST /peer/moves/{move}/resolve</c>.</summary>
/// <param name="Taken">The machine is the receiver's; else it never will be.</param>
/// <param name="Reason">Why not.</param>
internal sealed record TakeAnswer(bool Taken, string? Reason = null);

/// <summary>Answer to <c>POST /peer/moves/{move}/alive</c>.</summary>
/// <param name="Trouble">Why the last file was not taken; null when it was, or there was none.</param>
internal sealed record AliveAnswer(PeerError? Trouble = null);

/// <summary>A body, or an answer, with nothing in it.</summary>
internal sealed record Nothing;

/// <summary>JSON of moves between hosts.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(MoveOffer))]
[JsonSerializable(typeof(MoveAnswer))]
[JsonSerializable(typeof(DisksAnswer))]
[JsonSerializable(typeof(MemoryRequest))]
[JsonSerializable(typeof(MemoryAnswer))]
[JsonSerializable(typeof(TakeRequest))]
[JsonSerializable(typeof(TakeAnswer))]
[JsonSerializable(typeof(Nothing))]
[JsonSerializable(typeof(AliveAnswer))]
[JsonSerializable(typeof(ExtensionPortState))]
internal sealed partial class MoveJson : JsonSerializerContext;
