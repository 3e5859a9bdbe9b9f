namespace Vireo.Machines.Devices;

/// <summary>
/// What a Windows guest expects of its hypervisor (Hypervisor Top Level Functional Specification): clocks, timers and spin locks that know they are
/// virtual. Without them Windows reads slow emulated clocks, and stops with an error when a processor is not scheduled for long. KVM implements them.
/// </summary>
internal static class Enlightenments
{
    // Attempts before a guest tells the hypervisor that it waits; what Hyper-V itself recommends.
    private const int SpinLockRetries = 8191;

    /// <summary>Adds them to a processor model.</summary>
    public static QemuOption AddTo(QemuOption processor) => processor
        .With("hv-relaxed", true).With("hv-vapic", true).With("hv-spinlocks", SpinLockRetries)
        .With("hv-vpindex", true).With("hv-runtime", true).With("hv-time", true).With("hv-synic", true).With("hv-stimer", true)
        .With("hv-tlbflush", true).With("hv-ipi", true).With("hv-frequencies", true).With("hv-reset", true);
}
