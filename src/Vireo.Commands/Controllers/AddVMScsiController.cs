using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Services;
using Vireo.Commands.Support;

namespace Vireo.Commands.Controllers;

/// <summary>Adds a SCSI controller to virtual machines; four are the most.</summary>
[Command("Add", "VMScsiController", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VMScsiController))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the machine has four already")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Add-VMScsiController web1", "Adds a SCSI controller to web1.")]
public sealed class AddVMScsiController : ChangePartCommand
{
    private const int Most = 4;

    /// <summary>Write the controller to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeEachAsync(
        context,
        Machines(context),
        "Add-VMScsiController",
        (machine, status) =>
        {
            RequireOff(machine, status, "its controllers");
            return machine.ScsiControllers < Most
                ? machine with { ScsiControllers = machine.ScsiControllers + 1 }
                : throw Errors.Invalid($"The virtual machine '{machine.Name}' has {Most} SCSI controllers already; more are not possible.", machine.Name);
        },
        Passthru ? machine => context.WriteObject(ControllerMapper.Scsi(machine, machine.ScsiControllers - 1, context.Service<IHostSettings>().Facts.Name)) : null);
}
