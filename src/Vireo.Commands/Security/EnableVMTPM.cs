using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>Gives virtual machines a trusted platform module.</summary>
[Command("Enable", "VMTPM", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the machine is of generation 1")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Enable-VMTPM web1", "Gives web1 a trusted platform module.")]
public sealed class EnableVMTPM : ChangePartCommand
{
    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeEachAsync(
        context,
        Machines(context),
        "Enable-VMTPM",
        (c, status) => SecurityMapper.WithTpm(c, status, true),
        Passthru ? machine => WriteMachine(context, machine.Id) : null);
}
