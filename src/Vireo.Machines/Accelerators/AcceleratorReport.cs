namespace Vireo.Machines.Accelerators;

/// <summary>What executes a guest's instructions.</summary>
public enum AcceleratorKind
{
    /// <summary>QEMU's translator: works everywhere, slowly.</summary>
    Tcg,

    /// <summary>The processor's virtualization extensions, through the Linux kernel.</summary>
    Kvm,
}

/// <summary>Which accelerator guests get on this host, found by running one.</summary>
/// <param name="Kind">The accelerator.</param>
/// <param name="Reason">Why, in one sentence for people.</param>
/// <param name="QemuVersion">Version of the QEMU that was asked, for example <c>7.2.22</c>.</param>
/// <param name="ProbedAt">When the guest was run.</param>
public sealed record AcceleratorReport(AcceleratorKind Kind, string Reason, string QemuVersion, DateTimeOffset ProbedAt);
