using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Processors;

/// <summary>Changes the processor settings of virtual machines. Reserve, limit and weight take effect at once, also while a machine runs.</summary>
[Command("Set", "VMProcessor", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMProcessor))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a number is out of range")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine must be off for the change")]
[Example("Set-VMProcessor web1 -Count 2", "Gives web1 two virtual processors.")]
[Example("Set-VMProcessor web1 -Maximum 50 -RelativeWeight 200", "Lets web1 use half of its processors, and weighs it twice where they are scarce.")]
[Example("Set-VMProcessor db1 -Count 8 -MaximumCountPerNumaNode 4", "Shows the guest of db1 two NUMA nodes.")]
public sealed class SetVMProcessor : ChangePartCommand
{
    /// <summary>Processor settings, as Get-VMProcessor writes them.</summary>
    [Parameter(ParameterSetName = "VMProcessor", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMProcessor[]? VMProcessor { get; set; }

    /// <summary>Number of virtual processors.</summary>
    [Parameter]
    public long? Count { get; set; }

    /// <summary>Offer only features every migration partner has.</summary>
    [Parameter]
    public bool? CompatibilityForMigrationEnabled { get; set; }

    /// <summary>Offer virtualization extensions to the guest.</summary>
    [Parameter]
    public bool? ExposeVirtualizationExtensions { get; set; }

    /// <summary>Percent of the processors' capacity that the machine may use, 1 to 100.</summary>
    [Parameter]
    [ValidateRange(1, 100)]
    public long? Maximum { get; set; }

    /// <summary>Percent of the processors' capacity that the machine has for sure, 0 to 100.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    public long? Reserve { get; set; }

    /// <summary>Weight among machines where processors are scarce, 1 to 10000.</summary>
    [Parameter]
    [ValidateRange(1, 10000)]
    public int? RelativeWeight { get; set; }

    /// <summary>Most virtual processors of one of the guest's NUMA nodes.</summary>
    [Parameter]
    [ValidateRange(1, MachineValidator.MaximumProcessors)]
    public int? MaximumCountPerNumaNode { get; set; }

    /// <summary>Most NUMA nodes of one of the guest's sockets.</summary>
    [Parameter]
    [ValidateRange(1, MachineValidator.MaximumProcessors)]
    public int? MaximumCountPerNumaSocket { get; set; }

    /// <summary>Threads of one of the guest's cores; 0 is as on the host.</summary>
    [Parameter]
    [ValidateRange(0, MachineValidator.MaximumProcessors)]
    public long? HwThreadCountPerCore { get; set; }

    /// <summary>Resource pool that the processors' time is counted to.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    private bool ChangesDevices => Count is not null || CompatibilityForMigrationEnabled is not null || ExposeVirtualizationExtensions is not null
        || MaximumCountPerNumaNode is not null || MaximumCountPerNumaSocket is not null || HwThreadCountPerCore is not null;

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>().Facts;
        var pool = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.Processor, ResourcePoolName);
        return ChangeEachAsync(
            context,
            VMProcessor is null ? Machines(context) : Owners(context, VMProcessor),
            "Set-VMProcessor",
            (c, status) => Apply(c, status, pool),
            Passthru ? machine => context.WriteObject(ModelMapper.Processor(machine, host)) : null);
    }

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status, string? pool)
    {
        if (ChangesDevices)
        {
            RequireOff(c, status, "its processors");
        }

        return c with
        {
            Processor = c.Processor with
            {
                ResourcePoolName = ResourcePoolName is null ? c.Processor.ResourcePoolName : pool,
                Count = Count is { } count ? (int)Math.Clamp(count, int.MinValue, int.MaxValue) : c.Processor.Count,
                CompatibilityForMigrationEnabled = CompatibilityForMigrationEnabled ?? c.Processor.CompatibilityForMigrationEnabled,
                ExposeVirtualizationExtensions = ExposeVirtualizationExtensions ?? c.Processor.ExposeVirtualizationExtensions,
                LimitPercent = (int)(Maximum ?? c.Processor.LimitPercent),
                ReservePercent = (int)(Reserve ?? c.Processor.ReservePercent),
                RelativeWeight = RelativeWeight ?? c.Processor.RelativeWeight,
                MaximumCountPerNumaNode = MaximumCountPerNumaNode ?? c.Processor.MaximumCountPerNumaNode,
                MaximumCountPerNumaSocket = MaximumCountPerNumaSocket ?? c.Processor.MaximumCountPerNumaSocket,
                ThreadsPerCore = (int)(HwThreadCountPerCore ?? c.Processor.ThreadsPerCore),
            },
        };
    }
}
