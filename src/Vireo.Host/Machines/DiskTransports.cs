using Vireo.Machines.Accelerators;
using Vireo.Machines.Devices;

namespace Vireo.Host.Machines;

/// <summary>
/// How hard disks on the SCSI bus are served. With KVM the storage plane reads into the guest's memory itself (vhost-user-blk). An emulated
/// processor does not notice when another process writes programs into memory, and runs what was there before; so there the sectors go
/// through QEMU (NBD), which costs a copy that such a guest does not feel.
/// </summary>
internal static class DiskTransports
{
    /// <summary>Environment variable that decides for emulated processors: <c>nbd</c> (default), or <c>vhost-user</c> for guests that copy what they read.</summary>
    public const string Variable = "VIREO_EMULATED_DISKS";

    /// <summary>Chooses.</summary>
    /// <exception cref="InvalidOperationException">The variable has another value.</exception>
    public static DriveTransport Choose(AcceleratorKind accelerator, string? setting) => (accelerator, setting) switch
    {
        (AcceleratorKind.Kvm, _) => DriveTransport.VhostUserBlock,
        (_, null or "" or "nbd") => DriveTransport.Nbd,
        (_, "vhost-user") => DriveTransport.VhostUserBlock,
        _ => throw new InvalidOperationException($"The environment variable {Variable} is '{setting}'; it takes 'nbd' or 'vhost-user'."),
    };
}
