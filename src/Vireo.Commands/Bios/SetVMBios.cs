using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;
using Vireo.Machines.Configuration;

namespace Vireo.Commands.Bios;

/// <summary>Changes the BIOS settings of generation 1 virtual machines.</summary>
[Command("Set", "VMBios", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMBios))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the order is not complete, or the machine is of generation 2")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[CommandError("NotSupported", ErrorCategory.NotImplemented, "number lock is switched on")]
[Example("Set-VMBios web1 -StartupOrder IDE,CD,LegacyNetworkAdapter,Floppy", "Lets web1 start from its disk first.")]
public sealed class SetVMBios : ChangePartCommand
{
    /// <summary>BIOS settings, as Get-VMBios writes them.</summary>
    [Parameter(ParameterSetName = "VMBios", Position = 0, Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public VMBios[]? VMBios { get; set; }

    /// <summary>Kinds of device, in the order they are tried: CD, IDE, LegacyNetworkAdapter, Floppy, each once.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public BootDevice[]? StartupOrder { get; set; }

    /// <summary>Number lock is on when the guest starts.</summary>
    [Parameter]
    public Switch EnableNumLock { get; set; }

    /// <summary>Number lock is off when the guest starts.</summary>
    [Parameter]
    public Switch DisableNumLock { get; set; }

    /// <summary>Write the settings to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context)
    {
        if (EnableNumLock && DisableNumLock)
        {
            throw Errors.Invalid("-EnableNumLock and -DisableNumLock exclude each other; give one of them.", null);
        }

        if (EnableNumLock)
        {
            throw Errors.NotSupported("Number lock cannot be switched on in this version.", nameof(EnableNumLock));
        }

        return ChangeEachAsync(
            context,
            VMBios is null ? Machines(context) : Owners(context, VMBios),
            "Set-VMBios",
            Apply,
            Passthru ? machine => context.WriteObject(FirmwareMapper.Bios(machine, context.Service<IHostSettings>().Facts.Name)) : null);
    }

    private VirtualMachineConfiguration Apply(VirtualMachineConfiguration c, MachineStatus status)
    {
        if (c.Generation != 1)
        {
            throw Errors.Invalid($"The virtual machine '{c.Name}' is of generation 2 and has no BIOS; use Set-VMFirmware.", c.Name);
        }

        RequireOff(c, status, "its BIOS settings");
        return c with
        {
            BiosStartupOrder = StartupOrder is null ? c.BiosStartupOrder : BiosOrder.From(StartupOrder),
            NumLockEnabled = EnableNumLock || (!DisableNumLock && c.NumLockEnabled),
        };
    }
}
