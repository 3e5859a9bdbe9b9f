using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Memory;

/// <summary>Changes the memory settings of virtual machines. While a machine runs, its maximum can be increased and its minimum decreased; buffer and priority change at once.</summary>
[Command("Set", "VMMemory", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMMemory))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a size is out of range")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine must be off for the change")]
[Example("Set-VMMemory web1 -StartupBytes 2GB -DynamicMemoryEnabled $false", "Gives web1 two gigabytes.")]
[Example("Set-VMMemory web1 -DynamicMemoryEnabled $true -MinimumBytes 512MB -StartupBytes 1GB -MaximumBytes 8GB -Buffer 25", "Lets the memory of web1 follow its demand.")]
[Example("Set-VMMemory web1 -MaximumBytes 16GB", "Lets web1 grow further while it runs.")]
public sealed class SetVMMemory : ChangePartCommand
{
    /// <summary>Memory settings, as Get-VMMemory writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMMemory[]? VMMemory { get; set; }

    /// <summary>Memory at start, in bytes.</summary>
    [Parameter]
    public long? StartupBytes { get; set; }

    /// <summary>Memory follows demand.</summary>
    [Parameter]
    public bool? DynamicMemoryEnabled { get; set; }

    /// <summary>Least memory with dynamic memory, in bytes.</summary>
    [Parameter]
    public long? MinimumBytes { get; set; }

    /// <summary>Most memory with dynamic memory, in bytes.</summary>
    [Parameter]
    public long? MaximumBytes { get; set; }

    /// <summary>Spare share of its demand that the machine should have, percent.</summary>
    [Parameter]
    [ValidateRange(MemoryRules.LeastBuffer, MemoryRules.LargestBuffer)]
    public int? Buffer { get; set; }

    /// <summary>Weight among machines, 0 to 100.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    public int? Priority { get; set; }

    /// <summary>Most memory of one of the guest's NUMA nodes, in bytes.</summary>
    [Parameter]
    public long? MaximumAmountPerNumaNodeBytes { get; set; }

    /// <summary>Resource pool that the memory is counted to.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ResourcePoolName { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        var host = context.Service<IHostSettings>().Facts;
        var pool = ResourcePoolName is null ? null : PoolRules.NameToKeep(context, VMResourcePoolType.Memory, ResourcePoolName);
        return ChangeEachAsync(
            context,
            VMMemory is null ? Machines(context) : Owners(context, VMMemory),
            "Set-VMMemory",
            (machine, status) =>
            {
                var changed = MemoryRules.Apply(
                    machine, status, new(DynamicMemoryEnabled, StartupBytes, MinimumBytes, MaximumBytes, Buffer, Priority, MaximumAmountPerNumaNodeBytes));
                return ResourcePoolName is null ? changed : changed with { Memory = changed.Memory with { ResourcePoolName = pool } };
            },
            Passthru ? machine => context.WriteObject(ModelMapper.Memory(machine, host)) : null);
    }
}
