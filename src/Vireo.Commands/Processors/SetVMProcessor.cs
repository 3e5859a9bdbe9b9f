using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Processors;

/// <summary>Changes the processor settings of virtual machines.</summary>
[Command("Set", "VMProcessor", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMProcessor))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a number is out of range")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine must be off for the change")]
[Example("Set-VMProcessor web1 -Count 2", "Gives web1 two virtual processors.")]
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

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeEachAsync(
        context,
        VMProcessor is null ? Machines(context) : Owners(context, VMProcessor),
        "Set-VMProcessor",
        Apply,
        Passthru ? machine => context.WriteObject(ModelMapper.Processor(machine, context.Service<IHostSettings>().Facts.Name)) : null);

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status)
    {
        RequireOff(c, status, "its processors");
        return c with
        {
            Processor = c.Processor with
            {
                Count = Count is { } count ? (int)Math.Clamp(count, int.MinValue, int.MaxValue) : c.Processor.Count,
                CompatibilityForMigrationEnabled = CompatibilityForMigrationEnabled ?? c.Processor.CompatibilityForMigrationEnabled,
                ExposeVirtualizationExtensions = ExposeVirtualizationExtensions ?? c.Processor.ExposeVirtualizationExtensions,
            },
        };
    }
}
