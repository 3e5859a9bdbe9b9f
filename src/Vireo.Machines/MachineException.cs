namespace Vireo.Machines;

/// <summary>What kind of refusal a <see cref="MachineException"/> is. Callers may branch on it.</summary>
public enum MachineErrorKind
{
    /// <summary>The configuration cannot be a machine.</summary>
    InvalidConfiguration,

    /// <summary>A program, firmware file or socket that the machine needs is missing.</summary>
    MissingResource,

    /// <summary>QEMU refused or ended.</summary>
    StartFailed,

    /// <summary>The saved state could not be written or read.</summary>
    SavedState,

    /// <summary>The guest's agent does not answer, or refused.</summary>
    GuestAgent,

    /// <summary>The guest did not do in time what it was asked.</summary>
    GuestTimeout,

    /// <summary>QEMU's control connection is lost.</summary>
    ControlLost,

    /// <summary>The memory of a guest could not be moved to another host.</summary>
    Transfer,

    /// <summary>What was asked is not possible with this device or machine.</summary>
    NotSupported,
}

/// <summary>An operation on a machine failed.</summary>
public sealed class MachineException(MachineErrorKind kind, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Kind of refusal.</summary>
    public MachineErrorKind Kind { get; } = kind;
}
