using Microsoft.HyperV.PowerShell;
using Vireo.Commands.Framework;
using Vireo.Commands.Support;

namespace Vireo.Commands.Security;

/// <summary>Takes the trusted platform module of virtual machines away; what it keeps stays, for when it is given back.</summary>
[Command("Disable", "VMTPM", DefaultParameterSetName = "VMName", SupportsShouldProcess = true)]
[OutputType(typeof(VirtualMachine))]
[CommandError("ObjectNotFound", ErrorCategory.ObjectNotFound, "no virtual machine has the name")]
[CommandError("InvalidParameter", ErrorCategory.InvalidArgument, "the machine is of generation 1")]
[CommandError("InvalidState", ErrorCategory.InvalidOperation, "the machine is not off")]
[Example("Disable-VMTPM web1", "Takes the trusted platform module of web1 away.")]
public sealed class DisableVMTPM : ChangePartCommand
{
    /// <summary>Write the machine to the output.</summary>
    [Parameter]
    public Switch Passthru { get; set; }

    /// <inheritdoc/>
    public override Task RunAsync(CommandContext context) => ChangeEachAsync(
        context,
        Machines(context),
        "Disable-VMTPM",
        (c, status) => SecurityMapper.WithTpm(c, status, false),
        Passthru ? machine => WriteMachine(context, machine.Id) : null);
}
