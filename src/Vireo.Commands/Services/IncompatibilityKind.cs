using Microsoft.HyperV.PowerShell;

namespace Vireo.Commands.Services;

/// <summary>What can hinder an import. The order is that of the pages on which it is shown.</summary>
public enum IncompatibilityKind
{
    /// <summary>A network adapter is connected to a switch that this host does not have.</summary>
    SwitchNotFound,

    /// <summary>An adapter has settings of a switch extension that its switch does not have.</summary>
    SwitchExtensionMissing,

    /// <summary>A VLAN id is not from 1 to 4094.</summary>
    VlanOutOfRange,

    /// <summary>Another machine of this host has the adapter's static MAC address.</summary>
    StaticMacCollision,

    /// <summary>A dynamic MAC address is none of this host's pool.</summary>
    DynamicMacOutsidePool,

    /// <summary>The machine has more network adapters than it can have.</summary>
    AdapterCountLimit,

    /// <summary>A generation 2 machine has a legacy network adapter.</summary>
    LegacyAdapterOnGeneration2,

    /// <summary>A minimum bandwidth is given otherwise than the switch takes it.</summary>
    BandwidthModeMismatch,

    /// <summary>The minimum bandwidths together exceed the uplink.</summary>
    BandwidthOvercommit,

    /// <summary>The image of a hard disk drive is missing.</summary>
    VirtualDiskFileMissing,

    /// <summary>The medium of a DVD drive is missing.</summary>
    RemovableMediaMissing,

    /// <summary>The machine has virtual Fibre Channel adapters.</summary>
    VirtualSanMissing,

    /// <summary>A drive is a physical disk of another host.</summary>
    PassthroughDiskMissing,

    /// <summary>A parent of a differencing image is missing.</summary>
    ParentDiskMissing,

    /// <summary>A parent is not the image that its child was made from.</summary>
    ParentIdMismatch,

    /// <summary>An image has very many parents.</summary>
    ChainTooDeep,

    /// <summary>An image is neither VHDX nor VHD, or not what its name says.</summary>
    DiskFormatUnsupported,

    /// <summary>An image is damaged.</summary>
    DiskHeaderCorrupt,

    /// <summary>An image belongs to another machine, or a program has it open.</summary>
    DiskInUse,

    /// <summary>An image cannot be written to.</summary>
    DiskReadOnly,

    /// <summary>A disk is larger than its format allows, or empty.</summary>
    DiskCapacityLimit,

    /// <summary>A disk has sectors that its controller does not have.</summary>
    SectorSizeUnsupported,

    /// <summary>An image cannot be looked at.</summary>
    DiskInformationUnreadable,

    /// <summary>An image of a checkpoint is missing.</summary>
    AttachmentNotFound,

    /// <summary>Two drives have one place.</summary>
    ControllerSlotConflict,

    /// <summary>A generation 2 machine has a drive on the IDE controller.</summary>
    IdeOnGeneration2,

    /// <summary>A drive has a place that its controller does not have.</summary>
    ControllerLimit,

    /// <summary>A generation 1 machine has no disk on the IDE controller to start from.</summary>
    BootDiskNotOnIde,

    /// <summary>A disk is shared with other machines.</summary>
    SharedDiskUnsupported,

    /// <summary>A drive has limits or a policy of its quality of service.</summary>
    StorageQosDropped,

    /// <summary>There is no room for the copies.</summary>
    DestinationSpace,

    /// <summary>A folder for the copies cannot be used.</summary>
    DestinationPathInvalid,

    /// <summary>A file is where a copy should go.</summary>
    DestinationFileExists,

    /// <summary>An image is on a share that has no folder here.</summary>
    SharePathUnmapped,

    /// <summary>A file of the machine's folder is a link that leads out of it.</summary>
    FileOutsideFolder,

    /// <summary>The configuration file cannot be read.</summary>
    ConfigurationUnreadable,

    /// <summary>The configuration was written by a newer version.</summary>
    ConfigurationVersionTooNew,

    /// <summary>The configuration was written by a version that is too old.</summary>
    ConfigurationVersionTooOld,

    /// <summary>The machine has a generation that is not known.</summary>
    GenerationUnsupported,

    /// <summary>The configuration file belongs to a machine of this host.</summary>
    ConfigurationInUse,

    /// <summary>A machine with the same id exists on this host.</summary>
    IdAlreadyRegistered,

    /// <summary>A machine with the same id is registered on this host and could not be read.</summary>
    UnreadableReplaced,

    /// <summary>Another plan is about a machine with the same id.</summary>
    StalePlan,

    /// <summary>A machine with the same name exists on this host.</summary>
    NameCollision,

    /// <summary>The name cannot be used.</summary>
    NameInvalid,

    /// <summary>A checkpoint that the configuration counts has no file.</summary>
    CheckpointConfigurationMissing,

    /// <summary>A checkpoint stands on one that is not there, or on itself.</summary>
    CheckpointTreeBroken,

    /// <summary>The machine has too many checkpoints.</summary>
    CheckpointLimit,

    /// <summary>The machine has checkpoints.</summary>
    CheckpointPresent,

    /// <summary>The machine is saved and its memory is missing.</summary>
    SavedStateMissing,

    /// <summary>Saved memory was written by something that this host cannot continue.</summary>
    SavedStateVersion,

    /// <summary>The machine has more processors than this host.</summary>
    ProcessorCountHost,

    /// <summary>The machine has more processors than any can have.</summary>
    ProcessorCountLimit,

    /// <summary>The machine offers virtualization to its guest and this host cannot.</summary>
    NestedVirtualizationUnsupported,

    /// <summary>Reserve, limit or weight of the processors are out of range.</summary>
    ProcessorShareRange,

    /// <summary>The machine starts with more memory than this host has.</summary>
    MemoryHost,

    /// <summary>The machine has more or less memory than a machine can have.</summary>
    MemoryLimit,

    /// <summary>Minimum, startup and maximum memory, buffer or weight do not fit together.</summary>
    MemoryRange,

    /// <summary>The folder of the smart paging file cannot be used.</summary>
    SmartPagingPath,

    /// <summary>The secure boot template is not known.</summary>
    SecureBootTemplate,

    /// <summary>Secure boot is on.</summary>
    SecureBootOn,

    /// <summary>What the machine's TPM keeps is encrypted with a key that this host cannot open.</summary>
    TpmKeyProtector,

    /// <summary>The machine has a virtual TPM whose keys stay with its host.</summary>
    SecurityDeviceDropped,

    /// <summary>The machine has a device that Vireo does not have.</summary>
    DeviceUnsupported,

    /// <summary>The machine has a device of its host.</summary>
    AssignedDeviceMissing,

    /// <summary>A serial port leads to a pipe that cannot be used.</summary>
    SerialPipeInvalid,

    /// <summary>A setting has no counterpart here.</summary>
    SettingNotTakenOver,

    /// <summary>The guest may lack drivers for Vireo's devices.</summary>
    EmulatedDevicesAdvised,

    /// <summary>A device belongs to a resource pool that this host does not have.</summary>
    ResourcePoolMissing,

    /// <summary>This host has as many machines as it can have.</summary>
    HostMachineLimit,

    /// <summary>The machine was a role of a cluster.</summary>
    ClusterRoleDropped,

    /// <summary>A file that is not to be moved is not on storage of both hosts.</summary>
    StorageNotShared,

    /// <summary>The guest runs on a processor of another maker.</summary>
    ProcessorVendor,

    /// <summary>The guest may use what the processor of this host does not have.</summary>
    ProcessorFeatures,

    /// <summary>The guest runs in another way than guests of this host do.</summary>
    AcceleratorMismatch,
}

/// <summary>What holds for every incompatibility of a kind. Ids only grow: scripts match on them.</summary>
/// <param name="MessageId">33012 and 40010 are the original's published ones; the others are Vireo's own.</param>
/// <param name="Category">What it is about.</param>
/// <param name="Severity">How much it hinders.</param>
public sealed record IncompatibilityFacts(int MessageId, string Category, VMCompatibilitySeverity Severity)
{
    private static readonly Dictionary<IncompatibilityKind, IncompatibilityFacts> s_all = new()
    {
        [IncompatibilityKind.SwitchNotFound] = new(33012, "network", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.SwitchExtensionMissing] = new(50001, "network", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.VlanOutOfRange] = new(50002, "network", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.StaticMacCollision] = new(50003, "network", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DynamicMacOutsidePool] = new(50004, "network", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.AdapterCountLimit] = new(50005, "network", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.LegacyAdapterOnGeneration2] = new(50006, "network", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.BandwidthModeMismatch] = new(50007, "network", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.BandwidthOvercommit] = new(50008, "network", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.VirtualDiskFileMissing] = new(40010, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.RemovableMediaMissing] = new(40010, "storage", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.VirtualSanMissing] = new(50010, "storage", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.PassthroughDiskMissing] = new(50011, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ParentDiskMissing] = new(50012, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ParentIdMismatch] = new(50013, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ChainTooDeep] = new(50014, "storage", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.DiskFormatUnsupported] = new(50015, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DiskHeaderCorrupt] = new(50016, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DiskInUse] = new(50017, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DiskReadOnly] = new(50018, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DiskCapacityLimit] = new(50019, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.SectorSizeUnsupported] = new(50020, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DiskInformationUnreadable] = new(50021, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.AttachmentNotFound] = new(50022, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ControllerSlotConflict] = new(50023, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.IdeOnGeneration2] = new(50024, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ControllerLimit] = new(50025, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.BootDiskNotOnIde] = new(50026, "storage", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.SharedDiskUnsupported] = new(50027, "storage", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.StorageQosDropped] = new(50028, "storage", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.DestinationSpace] = new(50029, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DestinationPathInvalid] = new(50030, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.DestinationFileExists] = new(50031, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.SharePathUnmapped] = new(50032, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.FileOutsideFolder] = new(50033, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ConfigurationUnreadable] = new(50040, "configuration", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ConfigurationVersionTooNew] = new(50041, "configuration", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ConfigurationVersionTooOld] = new(50042, "configuration", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.GenerationUnsupported] = new(50043, "configuration", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ConfigurationInUse] = new(50044, "configuration", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.IdAlreadyRegistered] = new(50050, "identity", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.StalePlan] = new(50051, "identity", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.NameCollision] = new(50052, "identity", VMCompatibilitySeverity.Information),
        [IncompatibilityKind.NameInvalid] = new(50053, "identity", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.UnreadableReplaced] = new(50054, "identity", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.CheckpointConfigurationMissing] = new(50060, "checkpoint", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.CheckpointTreeBroken] = new(50061, "checkpoint", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.CheckpointLimit] = new(50062, "checkpoint", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.CheckpointPresent] = new(50063, "checkpoint", VMCompatibilitySeverity.Information),
        [IncompatibilityKind.SavedStateMissing] = new(50070, "saved state", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.SavedStateVersion] = new(50071, "saved state", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ProcessorCountHost] = new(50080, "processor", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ProcessorCountLimit] = new(50081, "processor", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.NestedVirtualizationUnsupported] = new(50082, "processor", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ProcessorShareRange] = new(50083, "processor", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.MemoryHost] = new(50090, "memory", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.MemoryLimit] = new(50091, "memory", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.MemoryRange] = new(50092, "memory", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.SmartPagingPath] = new(50093, "memory", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.SecureBootTemplate] = new(50100, "security", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.SecureBootOn] = new(50101, "security", VMCompatibilitySeverity.Information),
        [IncompatibilityKind.TpmKeyProtector] = new(50103, "security", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.SecurityDeviceDropped] = new(50102, "security", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.DeviceUnsupported] = new(50110, "device", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.AssignedDeviceMissing] = new(50111, "device", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.SerialPipeInvalid] = new(50112, "device", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.SettingNotTakenOver] = new(50113, "device", VMCompatibilitySeverity.Information),
        [IncompatibilityKind.EmulatedDevicesAdvised] = new(50114, "device", VMCompatibilitySeverity.Information),
        [IncompatibilityKind.ResourcePoolMissing] = new(50120, "host", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.HostMachineLimit] = new(50121, "host", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ClusterRoleDropped] = new(50130, "cluster", VMCompatibilitySeverity.Warning),
        [IncompatibilityKind.StorageNotShared] = new(50034, "storage", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ProcessorVendor] = new(50084, "processor", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.ProcessorFeatures] = new(50085, "processor", VMCompatibilitySeverity.Error),
        [IncompatibilityKind.AcceleratorMismatch] = new(50086, "processor", VMCompatibilitySeverity.Error),
    };

    /// <summary>The facts of a kind.</summary>
    public static IncompatibilityFacts Of(IncompatibilityKind kind) => s_all[kind];
}
