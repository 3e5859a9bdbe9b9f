using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Memory;

/// <summary>Changes the memory settings of virtual machines.</summary>
[Command("Set", "VMMemory", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMMemory))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "a size is out of range")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine must be off for the change")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "dynamic memory is asked for")]
[Example("Set-VMMemory web1 -StartupBytes 2GB -DynamicMemoryEnabled $false", "Gives web1 two gigabytes.")]
public sealed class SetVMMemory : ChangePartCommand
{
    /// <summary>Memory settings, as Get-VMMemory writes them.</summary>
    [Parameter(ParameterSetName = "ResourceObject", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMMemory[]? VMMemory { get; set; }

    /// <summary>Memory at start, in bytes.</summary>
    [Parameter]
    public long? StartupBytes { get; set; }

    /// <summary>Memory follows demand; only <c>$false</c> is available in this version.</summary>
    [Parameter]
    public bool? DynamicMemoryEnabled { get; set; }

    /// <summary>Weight among machines, 0 to 100.</summary>
    [Parameter]
    [ValidateRange(0, 100)]
    public int? Priority { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (DynamicMemoryEnabled == true)
        {
            throw Errors.NotSupported("Dynamic memory is not available in this version; give -DynamicMemoryEnabled $false.", nameof(DynamicMemoryEnabled));
        }

        return ChangeEachAsync(
            context,
            VMMemory is null ? Machines(context) : Owners(context, VMMemory),
            "Set-VMMemory",
            Apply,
            Passthru ? machine => context.WriteObject(ModelMapper.Memory(machine, context.Service<IHostSettings>().Facts.Name)) : null);
    }

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status)
    {
        if (StartupBytes is not null)
        {
            RequireOff(c, status, "its startup memory");
        }

        return c with
        {
            Memory = c.Memory with
            {
                StartupBytes = StartupBytes ?? c.Memory.StartupBytes,
                DynamicMemoryEnabled = DynamicMemoryEnabled ?? c.Memory.DynamicMemoryEnabled,
                Priority = Priority ?? c.Memory.Priority,
            },
        };
    }
}
