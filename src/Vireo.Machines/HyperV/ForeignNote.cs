namespace Vireo.Machines.HyperV;

/// <summary>What about a configuration of Hyper-V is not taken over as it is.</summary>
public enum ForeignNoteKind
{
    /// <summary>The configuration's version is older than what is read.</summary>
    VersionTooOld,

    /// <summary>The configuration's version is newer than what is read.</summary>
    VersionTooNew,

    /// <summary>The machine was a role of a cluster.</summary>
    ClusterRole,

    /// <summary>A device that Vireo does not have.</summary>
    Device,

    /// <summary>A device of the host was assigned.</summary>
    AssignedDevice,

    /// <summary>A virtual TPM, whose keys stay with its host.</summary>
    SecurityDevice,

    /// <summary>A virtual Fibre Channel adapter.</summary>
    FibreChannel,

    /// <summary>A drive that is shared with other machines.</summary>
    SharedDrive,

    /// <summary>Limits of a drive.</summary>
    DriveQuality,

    /// <summary>A resource pool.</summary>
    ResourcePool,

    /// <summary>A secure boot template that is not known.</summary>
    SecureBootTemplate,

    /// <summary>Another setting.</summary>
    Setting,

    /// <summary>The guest may lack drivers for Vireo's devices.</summary>
    Drivers,
}

/// <summary>One thing that is not taken over as it is.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Message">A sentence.</param>
/// <param name="DriveId">The drive it is about, or null.</param>
/// <param name="AdapterId">The network adapter it is about, or null.</param>
public sealed record ForeignNote(ForeignNoteKind Kind, string Message, Guid? DriveId = null, Guid? AdapterId = null);
